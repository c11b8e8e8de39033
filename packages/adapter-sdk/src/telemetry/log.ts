/** The log: each event as one line of JSON. */

import type { ServerEvent } from '@formbuilder/secure-server'
import pino, { type Logger, type LoggerOptions } from 'pino'
import { type AdapterEvent, type Emit, errorName } from '../events.ts'
import { failureOf, failureText, isError } from '../failure.ts'
import { bindOnce, boundTo, fieldsOnce } from './log-fields.ts'
import { OncePerMinute } from './once-per-minute.ts'
import { standardOutput } from './standard-output.ts'

/**
 * Creates a log that writes JSON lines to standard output, each with its kind as `event`, `time` in ISO 8601, and no field twice.
 * Handlers use it too, so it keeps only the name, codes, status and places in files of an error, and escapes what a terminal or a
 * viewer would interpret.
 */
export function createLog(level: string): Logger {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: named, error: named, cause: named },
    mixin: (_fields, _level, logger) => boundTo(logger),
    mixinMergeStrategy: (fields, bound) => fieldsOnce(fields, bound as Readonly<Record<string, unknown>>, named),
    onChild: bindOnce,
    hooks: {
      // Without a message of ours pino would log the error's message, which may quote the citizen.
      logMethod(args, method) {
        const [error, message = errorName(error)] = args as unknown as [unknown, string | undefined]
        if (isError(error)) method.call(this, error, message)
        else if (args.length === 1 && isMessage(error)) method.call(this, withoutMessage(error), error.msg)
        else method.apply(this, args)
      },
      streamWrite: (line) => line.replace(UNPRINTABLE, escaped),
    },
  }
  return pino(options, standardOutput())
}

// JSON.stringify does not escape these: a terminal takes the first for commands, a viewer the last two for line breaks.
const UNPRINTABLE = /[\u007f-\u009f\u2028\u2029]/g

function named(value: unknown): unknown {
  return isError(value) ? failureText(failureOf(value)) : value
}

/** Whether a field of a line is its message: pino takes it for a field, and a message of its own for another. */
function isMessage(given: unknown): given is { readonly msg: string } {
  const isPlain = typeof given === 'object' && given !== null && Object.getPrototypeOf(given) === Object.prototype
  return isPlain && 'msg' in given && typeof given.msg === 'string'
}

function withoutMessage({ msg: _, ...fields }: { readonly msg: string }): object {
  return fields
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** Emits to all sinks, also to those that are added later. */
export function emitTo(sinks: readonly Emit[], log: Logger): Emit {
  return (event) => {
    for (const sink of sinks) {
      try {
        sink(event)
      } catch (error) {
        // A sink must not change what happens: its errors are logged, and the submission goes on.
        log.error({ event: 'internal.failed', during: event.event, code: errorName(error) }, 'internal.failed')
      }
    }
  }
}

/**
 * Returns a sink that writes each event as one line. Of what anybody can cause at will, one line of each kind a minute is
 * written; its `leftOut` is the number of events since the last that were not.
 */
export function logEvents(log: Logger, now: () => number = () => performance.now()): Emit {
  const limit = new OncePerMinute(now)
  return (event) => {
    const kind = limitedKind(event)
    if (kind !== undefined) {
      const leftOut = limit.pass(kind)
      if (leftOut !== undefined) log.warn({ ...event, leftOut }, event.event)
      return
    }
    if (event.event === 'server') {
      const { type, ...fields } = event.server
      log[serverLevel(type)]({ event: serverEventName(type), ...fields }, serverEventName(type))
    } else log[LEVELS[event.event]](event, event.event)
  }
}

/** The kind of an event of which one a minute is written; undefined: each is. The number of kinds is bounded. */
function limitedKind(event: AdapterEvent): string | undefined {
  if (event.event === 'proxy.refused') return `${event.setting} ${event.code}`
  return event.event === 'submission.unmatched' ? `path ${pathKind(event)}` : undefined
}

/** A wrong endpoint usually shares a word with the right one: what strangers try must not hide it. */
function pathKind({ path, forms }: { readonly path: string; readonly forms: readonly string[] }): string {
  if (!path.startsWith('/')) return 'impossible'
  const words = new Set(forms.flatMap(wordsOf))
  return wordsOf(path).some((word) => words.has(word)) ? 'similar' : 'other'
}

function wordsOf(path: string): string[] {
  return path.toLowerCase().split('/').filter(Boolean)
}

type Level = 'debug' | 'info' | 'warn' | 'error'

/** How an event of the HTTPS server is called in the log. */
export function serverEventName(type: ServerEvent['type']): string {
  return `server.${type}`
}

/** The level at which an event of the HTTPS server is logged. */
export function serverLevel(type: ServerEvent['type']): Level {
  if (type === 'certificate.refused' || type === 'trust.refused' || type === 'listener.failed') return 'error'
  if (type === 'certificate.expiring' || type.startsWith('crl.')) return 'warn'
  // An attack or a health probe causes thousands of these, and metrics count refusals.
  return FREQUENT.has(type) ? 'debug' : 'info'
}

const FREQUENT: ReadonlySet<ServerEvent['type']> = new Set([
  'connection.refused',
  'connection.probed',
  'request.refused',
])

/** The level at which each event is logged. */
export const LEVELS: Readonly<Record<Exclude<AdapterEvent['event'], 'server'>, Level>> = {
  'adapter.started': 'info',
  'form.unspecified': 'warn',
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
  'submission.retry-now': 'info',
  'form.paused': 'info',
  'form.resumed': 'info',
  'store.committed': 'debug',
  'store.failed': 'error',
  'store.swept': 'info',
  'store.unchecked': 'warn',
  'key.missing': 'warn',
  'operator.refused': 'warn',
  'proxy.refused': 'warn',
  'log.dropped': 'warn',
  'process.warned': 'warn',
  'internal.failed': 'error',
}
