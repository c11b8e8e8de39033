/** What an operator is to do about each code of Optics: shown beside the dead letters. */
import type { OpticsErrorCode } from './errors.ts'

/** By code. Whatever is not uncertain was retried for days before it came to rest. */
export const OPTICS_ADVICE: Readonly<Record<OpticsErrorCode, string>> = {
  ERR_OPTICS_UNREACHABLE:
    'Optics could not be reached. Check OPTICS_ENDPOINT, its certificate and the network policy; when Optics answers again, redrive all of them.',
  ERR_OPTICS_NOT_SENT: 'Nothing was sent to Optics. Redrive.',
  ERR_OPTICS_TOKEN_REFUSED:
    'Optics gives no token. Check OPTICS_API_KEY and OPTICS_SECRET_KEY with the Optics team, and the clock of the machine; then redrive.',
  ERR_OPTICS_UNAUTHORISED:
    'Optics gives a token, but refuses it for cases. Ask the Optics team whether this API key may still create cases; then redrive.',
  ERR_OPTICS_BUSY: 'Optics asked to be left alone. Redrive in parts, fewer than before.',
  ERR_OPTICS_LOOKUP_FAILED:
    'Optics could not be asked whether the case exists. When Optics answers again, redrive: it is asked first, and a case is made only if there is none.',
  ERR_OPTICS_TIMEOUT: `Optics was asked for the case and did not answer in time. ${searchFirst()}`,
  ERR_OPTICS_BROKEN_OFF: `Optics was asked for the case, and the connection broke. ${searchFirst()}`,
  ERR_OPTICS_REJECTED: `Optics answered with an error that speaks of the fields: the reason has its code. ${searchFirst()} When it speaks of a team, ask the Optics team which one replaced it.`,
  ERR_OPTICS_FAILED: `Optics answered with an error of its own, after which the case is often there all the same. ${searchFirst()}`,
  ERR_OPTICS_ANSWER_UNKNOWN: `Optics answered with a page instead of an answer: often a maintenance page. ${searchFirst()}`,
}

function searchFirst(): string {
  return 'Search Optics for the case first (by ExternalId, or by name and time with the Optics team). If it is there, discard with its case ID as the reason; if not, redrive.'
}
