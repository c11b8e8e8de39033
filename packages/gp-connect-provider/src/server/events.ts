/** The events of a provider. They are safe to log: no event has a query, an id of a path, a token or a person's name. */
import type { ServerEvent } from '@formbuilder/secure-server'
import type { Logger } from 'pino'
import type { AuditEvent } from '../audit/trail.ts'
import type { FailureCode } from '../failures.ts'
import type { SwitchEvent } from './switches.ts'

/** One event of the guard, the audit trail, the switches or the server. */
export type ProviderEvent = GuardEvent | AuditEvent | SwitchEvent | ServerEvent

/** One request, without the details that only the audit trail may have. */
export type GuardEvent =
  | (Summary & { readonly type: 'transaction.served' })
  | (Summary & {
      readonly type: 'transaction.refused'
      /** A `FailureCode`, or the code of an outcome that a handler has built itself. */
      readonly code: string | undefined
      readonly check: string | undefined
    })
  | (Summary & {
      readonly type: 'transaction.failed'
      readonly code: FailureCode
      /** Also sent to the consumer, in the diagnostics. */
      readonly correlationId: string
      /** Name and code of the error; its message may quote a patient. */
      readonly error: string
    })
  /** The connection has ended before the last byte of the answer; `status` is 0 if nothing of it was sent. */
  | (Summary & { readonly type: 'transaction.cut' })

interface Summary {
  readonly status: number
  readonly milliseconds: number
  /** The template of the path, if the interaction is known. */
  readonly path: string | undefined
  readonly interactionId: string | undefined
  /** Only if it is a UUID: any other text could contain patient data. */
  readonly traceId: string | undefined
}

/**
 * Returns an `onEvent` that writes events to a pino logger: served requests at level debug, failures as errors. The kind of a line
 * is its `event`: the type of the event.
 */
export function logEvents(logger: Logger): (event: ProviderEvent) => void {
  return (event) => {
    const level = LEVELS[event.type] ?? 'info'
    if (logger.isLevelEnabled(level)) logger[level](lineOf(event))
  }
}

function lineOf(event: ProviderEvent): Record<string, unknown> {
  const { type, ...fields } = event.type === 'client.refused' ? withoutNames(event) : event
  return { event: type, ...fields }
}

/** Removes the names of a refused certificate: its issuer is not trusted, so they can contain anything. */
function withoutNames(event: ServerEvent & { type: 'client.refused' }): Record<string, unknown> {
  const { certificate, ...rest } = event
  if (certificate === undefined) return rest
  const { serialNumber, fingerprint256, notAfter } = certificate
  return { ...rest, certificate: { serialNumber, fingerprint256, notAfter } }
}

/** The level at which an event is logged; info where it is not named. */
export const LEVELS: Readonly<Record<string, 'debug' | 'warn' | 'error'>> = {
  'transaction.served': 'debug',
  'connection.probed': 'debug',
  'transaction.cut': 'warn',
  'transaction.failed': 'error',
  'audit.failed': 'error',
  'switches.refused': 'error',
  'listener.failed': 'error',
  'certificate.refused': 'error',
  'trust.refused': 'error',
  'crl.missing': 'error',
  'crl.stale': 'error',
  'certificate.expiring': 'warn',
  'crl.expiring': 'warn',
  'crl.refused': 'warn',
  'client.refused': 'warn',
}
