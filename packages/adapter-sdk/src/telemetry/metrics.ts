/** What is counted and measured, for Prometheus: a sink of events, and what can only be asked for when it is scraped. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { AdapterEvent, Emit } from '../events.ts'
import type { Counts } from '../store/entry.ts'
import { liveGauges } from './live-gauges.ts'
import { closed, type LabelName, type LabelSets } from './metric-labels.ts'

/** What is asked for at every scrape. */
export interface MetricSources {
  /** Rejects when the store is away; then what it knows is left out. */
  readonly counts: () => Promise<Counts>
  /** Requests that wait for their commit. */
  readonly waitingForCommit: () => number
  /** Attempts that run in this process. */
  readonly attemptsRunning: () => number
  /** By listener: days until its certificate ends, where it has one; open connections and unanswered requests. */
  readonly listeners: () => ReadonlyMap<'web' | 'operator', ListenerState>
}

export interface ListenerState {
  readonly certificateDaysLeft: number | undefined
  readonly connections: number
  readonly requests: number
}

/** The metrics of one adapter, in a registry of its own. */
export interface Metrics {
  readonly record: Emit
  /** The text of a scrape: the three gauges of the live deployment first. */
  read(): Promise<string>
}

/** Makes the metrics. `sets`: every value that a label may have. */
export function createMetrics(sets: LabelSets, sources: MetricSources): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const counted = counters(registry, sets)
  const asked = gauges(registry, sets)
  let scraping: Promise<string> | undefined

  async function scrape(): Promise<string> {
    const counts = await sources.counts().catch(() => undefined)
    asked.set(sources, counts)
    const text = await registry.metrics()
    return counts === undefined ? text : `${liveGauges(counts)}\n${text}`
  }

  return {
    record: counted,
    // Scrapes that come at once share one look at the store.
    read() {
      scraping ??= scrape().finally(() => {
        scraping = undefined
      })
      return scraping
    },
  }
}

/** What happened since the process started. */
function counters(registry: Registry, sets: LabelSets): Emit {
  const registers = [registry]
  const label = (name: LabelName, value: string) => ({ [name]: closed(sets, name, value) })
  const counter = (name: string, help: string, ...labelNames: LabelName[]) =>
    new Counter({ name: `formbuilder_${name}_total`, help, labelNames, registers })
  const histogram = (name: string, help: string, buckets: readonly number[], ...labelNames: LabelName[]) =>
    new Histogram({ name: `formbuilder_${name}`, help, labelNames, buckets: [...buckets], registers })

  const accepted = counter('submissions_accepted', 'Submissions taken in', 'form')
  const duplicate = counter('submissions_duplicate', 'Deliveries of a submission that is held already', 'form')
  const replaced = counter('submissions_replaced', 'Dead letters that a new copy took the place of', 'form')
  const refused = counter('submissions_refused', 'Deliveries refused, by error code', 'form', 'code')
  const unmatched = counter('submissions_unmatched', 'Requests posted to a path that is no form')
  const proven = counter('endpoints_proven', 'Challenges answered for a sender that holds the key', 'form')
  const acceptSeconds = histogram('accept_seconds', 'Time to take a submission in', ACCEPT_SECONDS, 'form')
  const captured = counter('files_captured', 'Files captured', 'form')
  const capturedBytes = counter('files_captured_bytes', 'Bytes of ciphertext captured', 'form')
  const uncaptured = counter('files_failed', 'Files that could not be captured, by error code', 'form', 'code')
  const served = counter('files_served', 'Files given out in clear')
  const servedBytes = counter('files_served_bytes', 'Bytes given out in clear')
  const unserved = counter('files_refused', 'Files asked for and not given out, by error code', 'code')
  const attempts = counter('attempts', 'Attempts begun', 'form')
  const attemptSeconds = histogram(
    'handler_seconds',
    'Time of one attempt in the handler',
    HANDLER_SECONDS,
    'form',
    'outcome',
  )
  const targetSeconds = histogram(
    'target_seconds',
    'Time until a target of a handler answered',
    TARGET_SECONDS,
    'form',
    'outcome',
  )
  const delivered = counter('submissions_delivered', 'Submissions delivered', 'form')
  const retried = counter('attempts_retried', 'Attempts that failed and are repeated, by error code', 'form', 'code')
  const dead = counter('submissions_dead', 'Submissions that became dead letters, by error code', 'form', 'code')
  const redriven = counter('submissions_redriven', 'Dead letters put back by a person', 'form')
  const discarded = counter('submissions_discarded', 'Dead letters ended by a person', 'form')
  const commitSeconds = histogram('store_commit_seconds', 'Time of one commit of accepted submissions', STORE_SECONDS)
  const commitSize = histogram('store_commit_submissions', 'Submissions in one commit', BATCH_SIZES)
  const storeFailures = counter('store_failures', 'Failures of the store, by what was done', 'during')
  const swept = counter('swept', 'Submissions that were forgotten after KEEP_DAYS')
  const refusals = counter('server_refusals', 'Connections and requests refused, by reason', 'layer', 'reason')
  const defects = counter('internal_failures', 'Defects')
  const keyUsed = new Gauge({
    name: 'formbuilder_key_last_used_timestamp_seconds',
    help: 'When a key of the keyring was last used; position 0 is the current one',
    labelNames: ['form', 'position', 'use'],
    registers,
  })
  const useKey = (form: string, position: number, use: string) =>
    keyUsed.set(
      { ...label('form', form), ...label('position', String(position)), ...label('use', use) },
      Date.now() / 1000,
    )

  // A counter that is not there before its first event has no increase when it comes.
  for (const form of sets.form) {
    for (const each of [
      accepted,
      duplicate,
      replaced,
      captured,
      capturedBytes,
      attempts,
      delivered,
      redriven,
      discarded,
      proven,
    ])
      each.inc({ form }, 0)
    for (const code of sets.refusal) refused.inc({ form, code }, 0)
  }

  return (event: AdapterEvent) => {
    switch (event.event) {
      case 'submission.accepted':
        accepted.inc(label('form', event.form))
        acceptSeconds.observe(label('form', event.form), event.milliseconds / 1000)
        return useKey(event.form, event.keyPosition, 'received')
      case 'submission.duplicate':
        duplicate.inc(label('form', event.form))
        return useKey(event.form, event.keyPosition, 'received')
      case 'submission.replaced':
        replaced.inc(label('form', event.form))
        return useKey(event.form, event.keyPosition, 'received')
      case 'submission.refused':
        return refused.inc({ ...label('form', event.form), ...label('code', event.code) })
      case 'submission.unmatched':
        return unmatched.inc()
      case 'endpoint.proven':
        return proven.inc(label('form', event.form))
      case 'attachment.captured':
        captured.inc(label('form', event.form))
        return capturedBytes.inc(label('form', event.form), event.bytes)
      case 'attachment.failed':
        return uncaptured.inc({ ...label('form', event.form), ...label('code', event.code) })
      case 'attachment.served':
        served.inc()
        return servedBytes.inc(event.bytes)
      case 'attachment.refused':
        return unserved.inc(label('code', event.code))
      case 'attempt.started':
        return attempts.inc(label('form', event.form))
      case 'attempt.decrypted':
        return useKey(event.form, event.keyPosition, 'delivered')
      case 'target.called':
        return targetSeconds.observe(
          { ...label('form', event.form), ...label('outcome', event.outcome) },
          event.milliseconds / 1000,
        )
      case 'submission.delivered':
        delivered.inc(label('form', event.form))
        return attemptSeconds.observe(
          { ...label('form', event.form), outcome: event.confirmed ? 'confirmed' : 'delivered' },
          event.milliseconds / 1000,
        )
      case 'attempt.failed':
        attemptSeconds.observe({ ...label('form', event.form), outcome: 'failed' }, event.milliseconds / 1000)
        if (event.retryInSeconds > 0) retried.inc({ ...label('form', event.form), ...label('code', event.code) })
        return
      case 'submission.dead':
        return dead.inc({ ...label('form', event.form), ...label('code', event.code) })
      case 'submission.redriven':
        return redriven.inc(label('form', event.form))
      case 'submission.discarded':
        return discarded.inc(label('form', event.form))
      case 'store.committed':
        commitSeconds.observe(event.milliseconds / 1000)
        return commitSize.observe(event.submissions)
      case 'store.failed':
        return storeFailures.inc(label('during', event.during))
      case 'store.swept':
        return swept.inc(event.submissions)
      case 'operator.refused':
        return refusals.inc({ layer: 'page', ...label('reason', event.why) })
      case 'server':
        if (event.server.type === 'request.refused')
          refusals.inc({ layer: 'request', ...label('reason', event.server.reason) })
        if (event.server.type === 'connection.refused')
          refusals.inc({ layer: 'connection', ...label('reason', event.server.reason) })
        return
      case 'internal.failed':
        return defects.inc()
    }
  }
}

/** What is so now. */
function gauges(registry: Registry, sets: LabelSets) {
  const gauge = (name: string, help: string, ...labelNames: LabelName[]) =>
    new Gauge({ name: `formbuilder_${name}`, help, labelNames, registers: [registry] })

  const storeUp = gauge('store_up', 'Whether the store could be asked: 1 or 0')
  const waiting = gauge('submissions_waiting', 'Submissions that wait for an attempt')
  const running = gauge('submissions_running', 'Submissions of which an attempt runs')
  const retrying = gauge('submissions_retrying', 'Submissions that failed and will be tried again')
  const deadLetters = gauge('dead_letters', 'Submissions that need a person, by error code', 'code')
  const oldest = gauge('oldest_waiting_seconds', 'Age of the oldest submission that is neither delivered nor ended')
  const commit = gauge('accept_waiting', 'Requests that wait to be stored')
  const attempts = gauge('attempts_running', 'Attempts that run in this process')
  const certificate = gauge('certificate_days_left', 'Whole days until the certificate ends', 'listener')
  const connections = gauge('connections', 'Open connections', 'listener')
  const requests = gauge('requests_unanswered', 'Requests begun and not yet answered', 'listener')

  return {
    set(sources: MetricSources, counts: Counts | undefined): void {
      storeUp.set(counts === undefined ? 0 : 1)
      for (const each of [waiting, running, retrying, deadLetters, oldest]) each.reset()
      if (counts === undefined) {
        // A zero would say that all is well.
        for (const each of [waiting, running, retrying, oldest]) each.remove()
      } else {
        waiting.set(counts.waiting)
        running.set(counts.running)
        retrying.set(counts.retrying)
        oldest.set(counts.oldestWaitingSeconds)
        for (const code of sets.code) deadLetters.set({ code }, 0)
        for (const [code, count] of Object.entries(counts.deadByCode)) {
          deadLetters.inc({ code: closed(sets, 'code', code) }, count)
        }
      }
      commit.set(sources.waitingForCommit())
      attempts.set(sources.attemptsRunning())
      for (const [listener, state] of sources.listeners()) {
        if (state.certificateDaysLeft !== undefined) certificate.set({ listener }, state.certificateDaysLeft)
        connections.set({ listener }, state.connections)
        requests.set({ listener }, state.requests)
      }
    },
  }
}

const ACCEPT_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 45]
const HANDLER_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
const TARGET_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const STORE_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5]
const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256]
