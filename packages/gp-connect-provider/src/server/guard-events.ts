/** Describes requests for the operational log. */
import { isUuid } from '../checks/ssp-headers.ts'
import type { Exchange } from '../exchange.ts'
import type { ProviderError } from '../failures.ts'
import type { GuardEvent } from './events.ts'

/** The result of a request. */
export interface Result {
  readonly errorCode: string | null
  readonly failure?: ProviderError
  readonly check?: string | undefined
  readonly correlationId?: string
  readonly cause?: unknown
}

/** The event of a request that was answered with this status. */
export function eventOf(exchange: Exchange, status: number, result: Result): GuardEvent {
  const { interaction, headers, receivedAt } = exchange
  const traceId = headers['ssp-traceid']
  const summary = {
    status,
    milliseconds: Date.now() - receivedAt,
    path: interaction?.path,
    interactionId: interaction?.id,
    traceId: traceId !== undefined && isUuid(traceId) ? traceId : undefined,
  }
  const { failure, correlationId } = result
  if (failure === undefined) {
    if (status < 400) return { type: 'transaction.served', ...summary }
    return { type: 'transaction.refused', ...summary, code: loggable(result.errorCode), check: undefined }
  }
  if (correlationId !== undefined) {
    return { type: 'transaction.failed', ...summary, code: failure.code, correlationId, error: nameOf(result.cause) }
  }
  return { type: 'transaction.refused', ...summary, code: failure.code, check: result.check }
}

/** The code of a handler's own outcome, unless it could be any other text. */
function loggable(code: string | null): string | undefined {
  return code !== null && /^[A-Z][A-Z_ -]{0,63}$/.test(code) ? code : undefined
}

/** The name and code of an error. Its message may quote a patient's record. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return 'code' in error && typeof error.code === 'string' ? `${error.name} ${error.code}` : error.name
}
