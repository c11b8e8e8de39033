/** Checks the headers that the Spine Security Proxy adds: all are present, sent once and well formed. */
import type { Exchange, GuardedHeader } from '../exchange.ts'
import { ProviderError } from '../failures.ts'

/** No header that the checks use is sent twice: another reader could use the other value and decide differently. */
export function headersAreSingle({ repeated }: Exchange): void {
  const [first] = repeated
  if (first !== undefined) throw new ProviderError('BAD_REQUEST', `The ${first} header is sent more than once`)
}

/** Ssp-TraceID is present and a UUID. */
export function traceIdIsWellFormed(exchange: Exchange): void {
  const traceId = present(exchange, 'ssp-traceid', 'Ssp-TraceID')
  if (exchange.rules.traceId !== 'any' && !UUID.test(traceId)) {
    throw new ProviderError('BAD_REQUEST', 'Ssp-TraceID is not a UUID')
  }
}

/** Ssp-From is present and an ASID. */
export function fromIsWellFormed(exchange: Exchange): void {
  const from = present(exchange, 'ssp-from', 'Ssp-From')
  if (exchange.rules.asid !== 'any' && !ASID.test(from)) {
    throw new ProviderError('BAD_REQUEST', 'Ssp-From is not an ASID of twelve digits')
  }
}

/** Ssp-To is present and the ASID of the service root that the path selected. It never selects the root itself. */
export function toIsOurs(exchange: Exchange): void {
  if (present(exchange, 'ssp-to', 'Ssp-To') !== exchange.root?.asid) {
    throw new ProviderError('BAD_REQUEST', 'Ssp-To is not the ASID of this service root')
  }
}

/** Whether a text is a UUID. Only such trace IDs may be logged: any other text could contain patient data. */
export function isUuid(text: string): boolean {
  return UUID.test(text)
}

function present({ headers }: Exchange, name: GuardedHeader, written: string): string {
  const value = headers[name]?.trim()
  if (value === undefined || value === '') throw new ProviderError('BAD_REQUEST', `${written} is missing or blank`)
  return value
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const ASID = /^\d{12}$/
