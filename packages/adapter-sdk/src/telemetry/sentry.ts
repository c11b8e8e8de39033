/** Reports errors to Sentry: only our own events, so there is no personal data to scrub. */
import type { ErrorEvent, NodeClient } from '@sentry/node'
import { AdapterError } from '../errors.ts'
import type { AdapterEvent, Emit } from '../events.ts'
import { type Failure, namesText } from '../failure.ts'

/** A sink that reports errors. */
export interface ErrorReports {
  readonly record: Emit
  /** Waits up to three seconds for reports that are being sent. */
  close(): Promise<void>
}

/**
 * Creates a Sentry client without global handlers or instrumentation: it sees no request and no message of a library.
 * @throws {AdapterError} ERR_CONFIG_INVALID: `@sentry/node` is not installed.
 */
export async function reportErrors(dsn: string): Promise<ErrorReports> {
  const sentry = await import('@sentry/node').catch((cause: unknown) => {
    throw new AdapterError(
      'ERR_CONFIG_INVALID',
      'SENTRY_DSN needs the package @sentry/node: npm install @sentry/node',
      {
        cause,
      },
    )
  })
  const options: ConstructorParameters<typeof NodeClient>[0] = {
    dsn,
    integrations: [],
    transport: sentry.makeNodeTransport,
    stackParser: () => [],
    sendClientReports: false,
    beforeSend: onlyOurs,
  }
  const client = new sentry.NodeClient(options)
  client.init()
  const lastSent = new Map<string, number>()

  return {
    record(event) {
      const reported = reportOf(event)
      if (reported === undefined) return
      const key = reported.fingerprint.join(' ')
      const now = Date.now()
      // An unavailable store fails many times a second; one report a minute is enough.
      if (now - (lastSent.get(key) ?? 0) < QUIET_MILLISECONDS) return
      lastSent.set(key, now)
      client.captureEvent({ ...reported, level: 'error', platform: 'node' }, {}, new sentry.Scope())
    },
    async close() {
      await client.close(FLUSH_MILLISECONDS)
    },
  }
}

const QUIET_MILLISECONDS = 60_000
const FLUSH_MILLISECONDS = 3_000

interface Report {
  readonly message: string
  readonly tags: Record<string, string>
  readonly extra: Record<string, string | number>
  readonly fingerprint: string[]
  readonly exception?: { readonly values: Exception[] }
}

/** An error as Sentry shows it. `value` is not its message, which may quote the citizen. */
interface Exception {
  readonly type: string
  readonly value: string
  readonly stacktrace: { readonly frames: { filename: string; lineno: number; in_app: boolean }[] }
}

/** The report for an event that somebody has to look at. */
function reportOf(event: AdapterEvent): Report | undefined {
  switch (event.event) {
    case 'submission.dead': {
      const { form, code, submissionId, attempt, failure } = event
      return { ...report(event.event, code, { form }, { submissionId, attempt }), ...exceptions(failure) }
    }
    case 'store.failed':
      return report(event.event, event.code, { during: event.during })
    case 'internal.failed':
      return { ...report(event.event, event.code, { during: event.during }), ...exceptions(event.failure) }
    case 'server': {
      const { type } = event.server
      const isBroken = type === 'certificate.refused' || type === 'trust.refused' || type === 'listener.failed'
      return isBroken ? report('server', type) : undefined
    }
    default:
      return undefined
  }
}

function report(event: string, code: string, tags: Record<string, string> = {}, extra: Report['extra'] = {}): Report {
  const fingerprint = [event, code, ...Object.values(tags)]
  return { message: `${event} ${code}`, tags: { ...tags, event, code }, extra, fingerprint }
}

/** The error and its causes. Sentry wants the cause first, and the outermost frame first. */
function exceptions(failure: Failure | undefined): { exception?: { values: Exception[] } } {
  if (failure === undefined) return {}
  const { causes = [], ...error } = failure
  const values = [error, ...causes].map((each): Exception => {
    const status = each.status === undefined ? '' : ` HTTP ${each.status}`
    return {
      type: each.name,
      value: `${namesText(each)}${status}`,
      stacktrace: { frames: each.frames.map(frame).reverse() },
    }
  })
  return { exception: { values: values.reverse() } }
}

function frame(place: string): Exception['stacktrace']['frames'][number] {
  const end = place.lastIndexOf(':')
  const filename = place.slice(0, end)
  return { filename, lineno: Number(place.slice(end + 1)), in_app: !filename.startsWith('node_modules/') }
}

/** Keeps only our own fields, whatever the library has added to the event. */
function onlyOurs(event: ErrorEvent): ErrorEvent {
  const { event_id, timestamp, level, platform, message, tags, extra, fingerprint, environment, type, exception } =
    event
  const ours = { event_id, timestamp, level, platform, message, tags, extra, fingerprint, environment, type, exception }
  return Object.fromEntries(Object.entries(ours).filter(([, value]) => value !== undefined)) as unknown as ErrorEvent
}
