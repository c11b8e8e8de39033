/** Operational log: the typed events and nothing else, as JSON lines. */

import type { ServerEvent } from '@formbuilder/secure-server'
import pino, { type Logger } from 'pino'
import type { AdapterEvent, Emit } from './events.ts'

/** A log to standard output, in JSON lines with `time` in ISO 8601. */
export function createLog(level: string): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  })
}

/** Writes each event as one line. */
export function logEvents(log: Logger): Emit {
  return (event) => {
    if (event.event === 'server') log[serverLevel(event.server)](event.server, `server.${event.server.type}`)
    else log[LEVELS[event.event]](event, event.event)
  }
}

type Level = 'debug' | 'info' | 'warn' | 'error'

function serverLevel({ type }: ServerEvent): Level {
  if (type === 'certificate.refused' || type === 'trust.refused' || type === 'listener.failed') return 'error'
  if (type === 'certificate.expiring' || type.startsWith('crl.')) return 'warn'
  // Under attack these come by the thousand; they are counted as metrics.
  return type === 'connection.refused' || type === 'request.refused' ? 'debug' : 'info'
}

const LEVELS: Readonly<Record<Exclude<AdapterEvent['event'], 'server'>, Level>> = {
  'adapter.started': 'info',
  'adapter.stopping': 'info',
  'adapter.stopped': 'info',
  'submission.accepted': 'info',
  'submission.duplicate': 'info',
  'submission.replaced': 'info',
  'endpoint.proven': 'info',
  'submission.unmatched': 'warn',
  'submission.refused': 'warn',
  'attachment.captured': 'debug',
  'attachment.failed': 'warn',
  'attachment.served': 'info',
  'attachment.refused': 'warn',
  'attempt.started': 'debug',
  'attempt.decrypted': 'debug',
  'target.called': 'debug',
  'submission.delivered': 'info',
  'attempt.failed': 'warn',
  'submission.dead': 'error',
  'submission.redriven': 'info',
  'submission.discarded': 'info',
  'inbox.committed': 'debug',
  'inbox.failed': 'error',
  'inbox.swept': 'info',
  'operator.refused': 'warn',
  'internal.failed': 'error',
}
