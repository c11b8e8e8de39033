/** Operational log: the typed events and nothing else, as JSON lines. */

import type { ServerEvent } from '@formbuilder/secure-server'
import pino, { type Logger, type LoggerOptions } from 'pino'
import { type AdapterEvent, type Emit, errorName } from '../events.ts'

/**
 * A log to standard output, in JSON lines with `time` in ISO 8601. A line is one line in every terminal and viewer, and
 * an error in it is its name and code: handlers log with it too.
 */
export function createLog(level: string): Logger {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: named, error: named, cause: named },
    hooks: {
      // An error without a message beside it would lend its own to the line, and that may quote the citizen.
      logMethod(args, method) {
        const [error, message = errorName(error)] = args as unknown as [unknown, string | undefined]
        if (error instanceof Error) method.call(this, error, message)
        else method.apply(this, args)
      },
      streamWrite: (line) => line.replace(UNPRINTABLE, escaped),
    },
  }
  // At once: a line that is still on its way when the process ends is lost, and with it why the process ended.
  return pino(options, pino.destination({ dest: 1, sync: true }))
}

// What JSON.stringify leaves as it is: a terminal takes the first for commands, a viewer the last for line ends.
const UNPRINTABLE = /[\u007f-\u009f\u2028\u2029]/g

function named(value: unknown): unknown {
  return value instanceof Error ? errorName(value) : value
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
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
  'store.committed': 'debug',
  'store.failed': 'error',
  'store.swept': 'info',
  'operator.refused': 'warn',
  'process.warned': 'warn',
  'internal.failed': 'error',
}
