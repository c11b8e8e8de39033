/** Reports errors to Sentry: only our own events, so there is no personal data to scrub. */
import type { ErrorEvent, NodeClient } from '@sentry/node'
import { AdapterError } from '../errors.ts'
import type { AdapterEvent, Emit } from '../events.ts'

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
}

/** The report for an event that somebody has to look at. */
function reportOf(event: AdapterEvent): Report | undefined {
  switch (event.event) {
    case 'submission.dead': {
      const { form, code, submissionId, attempt } = event
      return report(event.event, code, { form }, { submissionId, attempt })
    }
    case 'store.failed':
    case 'internal.failed':
      return report(event.event, event.code, { during: event.during })
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

/** Keeps only our own fields, whatever the library has added to the event. */
function onlyOurs(event: ErrorEvent): ErrorEvent {
  const { event_id, timestamp, level, platform, message, tags, extra, fingerprint, environment, type } = event
  const ours = { event_id, timestamp, level, platform, message, tags, extra, fingerprint, environment, type }
  return Object.fromEntries(Object.entries(ours).filter(([, value]) => value !== undefined)) as unknown as ErrorEvent
}
