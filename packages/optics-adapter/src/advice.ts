/** Advice for operators about each Optics error code, shown with the dead letters on the operator's page. */
import type { OpticsErrorCode } from './errors.ts'

/** How cases can be found in Optics. */
export interface Finding {
  /** Whether the submissionId is sent as ExternalId: the adapter then asks for the case by itself before it repeats an attempt. */
  readonly byExternalId: boolean
}

/** Advice by code. It names ExternalId only where it is sent. */
export function opticsAdvice({ byExternalId }: Finding): Readonly<Record<OpticsErrorCode, string>> {
  const search = byExternalId
    ? 'When Optics answers, redrive: the adapter looks for the case by its ExternalId, the submission ID, and creates it only if there is none. If the case exists and the adapter cannot find it, discard the submission with the case ID as the reason.'
    : 'Search Optics for the case first, by name and time with the Optics team: no ID of the submission is in it. If the case exists, discard the submission with the case ID as the reason. If not, redrive.'
  return {
    ERR_OPTICS_UNREACHABLE:
      'The adapter could not connect to Optics. Check OPTICS_ENDPOINT, its certificate and the network policy. When Optics answers again, redrive.',
    ERR_OPTICS_NOT_SENT: 'Nothing was sent to Optics. Redrive.',
    ERR_OPTICS_TOKEN_REFUSED:
      'Optics refused to issue an access token. Check OPTICS_API_KEY and OPTICS_SECRET_KEY with the Optics team, and check the clock of this machine. Then redrive.',
    ERR_OPTICS_UNAUTHORISED:
      'Optics issued an access token but refused it. Ask the Optics team whether this API key may still create cases. Then redrive.',
    ERR_OPTICS_BUSY: 'Optics received too many requests. Redrive in smaller batches than before.',
    ERR_OPTICS_LOOKUP_FAILED: `Optics did not say whether the case exists. ${search}`,
    ERR_OPTICS_TIMEOUT: `Optics did not answer in time after the case was sent. ${search}`,
    ERR_OPTICS_BROKEN_OFF: `The connection to Optics broke after the case was sent. ${search}`,
    ERR_OPTICS_REJECTED: `Optics rejected the fields of the case; the reason has its error code. ${search} If the error is about a team, ask the Optics team which one replaced it.`,
    ERR_OPTICS_FAILED: `Optics answered with a server error. It often creates the case all the same. ${search}`,
    ERR_OPTICS_ANSWER_UNKNOWN: `Optics, or a server in front of it, answered without naming one case; the reason says with what. ${search} If every submission ends like this and the cases exist, Optics answers in another shape: see OPTICS_CASE_ID.`,
  }
}
