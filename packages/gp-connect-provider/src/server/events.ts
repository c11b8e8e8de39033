/** Events as typed records: all that the operational log may contain. No query, no id of a path, no token, no name. */
import type { ServerEvent } from '@formbuilder/secure-server'
import type { Logger } from 'pino'
import type { AuditEvent } from '../audit/trail.ts'
import type { FailureCode } from '../failures.ts'

/** One thing that happened in the guard, the audit trail or the server. */
export type ProviderEvent = GuardEvent | AuditEvent | ServerEvent

/** One request, without what only the audit trail may contain. */
export type GuardEvent =
  | (Told & { readonly type: 'transaction.served' })
  | (Told & { readonly type: 'transaction.refused'; readonly code: FailureCode; readonly check: string | undefined })
  | (Told & {
      readonly type: 'transaction.failed'
      readonly code: FailureCode
      /** The same as in the diagnostics that the consumer was sent. */
      readonly correlationId: string
      /** Name and code of the error; its message may quote a patient. */
      readonly error: string
    })

interface Told {
  readonly status: number
  readonly milliseconds: number
  /** The template of the path, only for a known interaction. */
  readonly path: string | undefined
  readonly interactionId: string | undefined
  /** Only when it is a UUID, and so can be nothing else. */
  readonly traceId: string | undefined
}

/** Writes every event to a pino logger: served transactions at debug, failures and alarms as errors. */
export function logEvents(logger: Logger): (event: ProviderEvent) => void {
  return (event) => {
    const level = LEVELS[event.type] ?? 'info'
    if (logger.isLevelEnabled(level)) logger[level](event.type === 'client.refused' ? withoutNames(event) : event)
  }
}

/** The names in a refused certificate may be anything, because its maker chose them. */
function withoutNames(event: ServerEvent & { type: 'client.refused' }): Record<string, unknown> {
  const { certificate, ...rest } = event
  if (certificate === undefined) return rest
  const { serialNumber, fingerprint256, notAfter } = certificate
  return { ...rest, certificate: { serialNumber, fingerprint256, notAfter } }
}

const LEVELS: Readonly<Record<string, 'debug' | 'warn' | 'error'>> = {
  'transaction.served': 'debug',
  'transaction.failed': 'error',
  'audit.failed': 'error',
  'listener.failed': 'error',
  'certificate.refused': 'error',
  'trust.refused': 'error',
  'crl.missing': 'error',
  'crl.stale': 'error',
  'certificate.expiring': 'warn',
  'crl.expiring': 'warn',
  'client.refused': 'warn',
}
