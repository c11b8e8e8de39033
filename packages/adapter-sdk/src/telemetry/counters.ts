/** The metrics that add up what has happened since the process started: a sink of events. */
import { Counter, Histogram, type Registry } from 'prom-client'
import type { AdapterEvent, Emit } from '../events.ts'
import { closed, type LabelName, type LabelSets, PROXY_REFUSALS } from './metric-labels.ts'

/** Registers the counters and histograms, and returns the sink that updates them. */
export function counters(registry: Registry, sets: LabelSets): Emit {
  const registers = [registry]
  const label = (name: LabelName, value: string) => ({ [name]: closed(sets, name, value) })
  const counter = (name: string, help: string, ...labelNames: LabelName[]) =>
    new Counter({ name: `formbuilder_${name}_total`, help, labelNames, registers })
  const histogram = (name: string, help: string, buckets: readonly number[], ...labelNames: LabelName[]) =>
    new Histogram({ name: `formbuilder_${name}`, help, labelNames, buckets: [...buckets], registers })

  const accepted = counter('submissions_accepted', 'Submissions accepted', 'form')
  const duplicate = counter('submissions_duplicate', 'Deliveries of a submission that is already stored', 'form')
  const replaced = counter('submissions_replaced', 'Dead letters replaced by a new copy', 'form')
  const refused = counter('submissions_refused', 'Deliveries refused, by error code', 'form', 'code')
  const unmatched = counter('submissions_unmatched', 'POST requests to a path that no form has')
  const proven = counter('endpoints_proven', 'Challenges answered to a sender that holds the key', 'form')
  const acceptSeconds = histogram('accept_seconds', 'Time to accept a submission', ACCEPT_SECONDS, 'form')
  const captured = counter('files_captured', 'Files captured', 'form')
  const capturedBytes = counter('files_captured_bytes', 'Bytes of ciphertext captured', 'form')
  const uncaptured = counter('files_failed', 'Files that could not be captured, by error code', 'form', 'code')
  const served = counter('files_served', 'Files served')
  const servedBytes = counter('files_served_bytes', 'Bytes served')
  const unserved = counter('files_refused', 'Requests for a file that were refused, by error code', 'code')
  const attempts = counter('attempts', 'Attempts started', 'form')
  const attemptSeconds = histogram(
    'handler_seconds',
    'Time that an attempt spends in the handler',
    HANDLER_SECONDS,
    'form',
    'outcome',
  )
  const targetSeconds = histogram(
    'target_seconds',
    'Time until a server that a handler called has answered',
    TARGET_SECONDS,
    'form',
    'outcome',
  )
  const delivered = counter('submissions_delivered', 'Submissions delivered', 'form')
  const unreferenced = counter(
    'submissions_unreferenced',
    'Submissions delivered without a reference of the case system',
    'form',
  )
  const retried = counter('attempts_retried', 'Attempts that failed and will be retried, by error code', 'form', 'code')
  const dead = counter('submissions_dead', 'Submissions that became dead letters, by error code', 'form', 'code')
  const redriven = counter('submissions_redriven', 'Dead letters redriven by a person', 'form')
  const discarded = counter('submissions_discarded', 'Dead letters discarded by a person', 'form')
  const commitSeconds = histogram('store_commit_seconds', 'Time of one commit of accepted submissions', STORE_SECONDS)
  const commitSize = histogram('store_commit_submissions', 'Submissions in one commit', BATCH_SIZES)
  const storeFailures = counter('store_failures', 'Failures of the store, by operation', 'during')
  const swept = counter('swept', 'Submissions deleted after KEEP_DAYS')
  const refusals = counter('server_refusals', 'Connections and requests refused, by reason', 'layer', 'reason')
  const defects = counter('internal_failures', 'Unexpected errors in the adapter')
  // Prometheus sees no increase in a counter that appears with its first event, so each starts at 0.
  const ofForm = [
    accepted,
    duplicate,
    replaced,
    proven,
    captured,
    capturedBytes,
    attempts,
    delivered,
    unreferenced,
    redriven,
    discarded,
  ]
  for (const form of sets.form) {
    for (const each of ofForm) each.inc({ form }, 0)
    for (const code of sets.refusal) refused.inc({ form, code }, 0)
  }

  for (const reason of PROXY_REFUSALS) refusals.inc({ layer: 'request', reason }, 0)

  return (event: AdapterEvent) => {
    switch (event.event) {
      case 'submission.accepted':
        accepted.inc(label('form', event.form))
        return acceptSeconds.observe(label('form', event.form), event.milliseconds / 1000)
      case 'submission.duplicate':
        return duplicate.inc(label('form', event.form))
      case 'submission.replaced':
        return replaced.inc(label('form', event.form))
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
      case 'target.called':
        return targetSeconds.observe(
          { ...label('form', event.form), ...label('outcome', event.outcome) },
          event.milliseconds / 1000,
        )
      case 'submission.delivered':
        delivered.inc(label('form', event.form))
        if (!event.referenced) unreferenced.inc(label('form', event.form))
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

const ACCEPT_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 45]
const HANDLER_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
const TARGET_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const STORE_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5]
const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256]
