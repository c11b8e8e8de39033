/** The metrics that show the present state: they are set at each scrape, from what the adapter reports then. */
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Counts, FormState, WaitingForFiles } from '../store/entry.ts'
import { closed, type LabelName, type LabelSets, OTHER } from './metric-labels.ts'

/** What the metrics say of keys. */
export interface KeyFigures {
  /** `at`: seconds since 1970. */
  readonly lastUses: readonly {
    readonly form: string
    readonly position: number
    readonly use: 'received' | 'delivered'
    readonly at: number
  }[]
  /** Previous keys of each form that submissions came with within a day, and that can be removed. */
  readonly previous: readonly { readonly form: string; readonly receiving: number; readonly removable: number }[]
}

/** Where the gauges get their values at each scrape. */
export interface MetricSources {
  /** If it rejects, the store's gauges are omitted. */
  readonly counts: () => Promise<Counts>
  /** If it rejects, the gauges of keys are omitted. */
  readonly keys: () => Promise<KeyFigures>
  /** If it rejects, the gauges of what waits for its files are omitted. */
  readonly waitingForFiles: () => Promise<readonly WaitingForFiles[]>
  /** If it rejects, the gauges of forms are omitted. */
  readonly forms: () => Promise<readonly FormState[]>
  /** How many requests are waiting to be stored. */
  readonly waitingForCommit: () => number
  /** How many attempts are running in this process. */
  readonly attemptsRunning: () => number
  /** How many lines of the log were dropped since the process started. */
  readonly linesDropped: () => number
  /** The state of each port that the process listens on. */
  readonly listeners: () => ReadonlyMap<'web' | 'operator', ListenerState>
}

export interface ListenerState {
  /** Undefined if it has no certificate. */
  readonly certificateDaysLeft: number | undefined
  readonly connections: number
  readonly requests: number
}

/** What is read of the store for a scrape. Undefined: it did not answer. */
export interface ReadOfStore {
  readonly counts: Counts | undefined
  readonly keys: KeyFigures | undefined
  readonly waitingForFiles: readonly WaitingForFiles[] | undefined
  readonly forms: readonly FormState[] | undefined
}

/** Registers the gauges. `set` gives each its value; what the store did not answer is omitted. */
export function gauges(registry: Registry, sets: LabelSets) {
  const gauge = (name: string, help: string, ...labelNames: LabelName[]) =>
    new Gauge({ name: `formbuilder_${name}`, help, labelNames, registers: [registry] })

  const storeUp = gauge('store_up', '1 if the store answers, otherwise 0')
  const waiting = gauge('submissions_waiting', 'Submissions waiting for an attempt')
  const running = gauge('submissions_running', 'Submissions with a running attempt')
  const retrying = gauge('submissions_retrying', 'Submissions waiting for a retry')
  const ofPaused = gauge('submissions_paused', 'Submissions waiting because people paused their form')
  const formPaused = gauge('form_paused', '1 if people paused the form, otherwise 0', 'form')
  const deadLetters = gauge('dead_letters', 'Dead letters, which need a person, by error code', 'code')
  const oldest = gauge(
    'oldest_waiting_seconds',
    'Age of the oldest submission that is waiting or running; what waits for a paused form is left out',
  )
  const lastAccepted = gauge(
    'last_accepted_timestamp_seconds',
    'When the newest submission was accepted, by the store; 0 if it is forgotten since, absent if none ever was',
  )
  const keyUsed = gauge(
    'key_last_used_timestamp_seconds',
    'When a key of the keyring was last used; position 0 is the current one',
    ...(['form', 'position', 'use'] as const),
  )
  const receiving = gauge('previous_keys_receiving', 'Previous keys that submissions came with within a day', 'form')
  const removable = gauge('previous_keys_removable', 'Previous keys that nothing needs any more', 'form')
  const ofFiles = gauge(
    'submissions_waiting_for_files',
    'Submissions that are with their sender because their files cannot be fetched, by host (an entry of ATTACHMENT_HOSTS) and error code',
    'host',
    'code',
  )
  const oldestOfFiles = gauge(
    'oldest_waiting_for_files_seconds',
    'Time since the first failed delivery of the oldest submission that is with its sender because its files cannot be fetched',
  )
  const commit = gauge('accept_waiting', 'Requests waiting to be stored')
  const attempts = gauge('attempts_running', 'Attempts running in this process')
  const dropped = new Counter({
    name: 'formbuilder_log_lines_dropped_total',
    help: 'Lines of the log that were dropped, because its reader had stalled',
    registers: [registry],
  })
  const certificate = gauge('certificate_days_left', 'Whole days until the certificate expires', 'listener')
  const connections = gauge('connections', 'Open connections', 'listener')
  const requests = gauge('requests_unanswered', 'Requests that have started and are not yet answered', 'listener')

  return {
    set(sources: MetricSources, { counts, keys, waitingForFiles, forms }: ReadOfStore): void {
      storeUp.set(counts === undefined ? 0 : 1)
      for (const each of [waiting, running, retrying, ofPaused, deadLetters, oldest]) each.reset()
      lastAccepted.remove()
      if (typeof counts?.lastAcceptedSeconds === 'number') lastAccepted.set(counts.lastAcceptedSeconds)
      if (counts === undefined) {
        // A zero would look as if all were well.
        for (const each of [waiting, running, retrying, ofPaused, oldest]) each.remove()
      } else {
        waiting.set(counts.waiting)
        running.set(counts.running)
        retrying.set(counts.retrying)
        ofPaused.set(counts.paused)
        oldest.set(counts.oldestWaitingSeconds)
        for (const code of sets.code) deadLetters.set({ code }, 0)
        for (const [code, count] of Object.entries(counts.deadByCode)) {
          deadLetters.inc({ code: closed(sets, 'code', code) }, count)
        }
      }
      formPaused.reset()
      const paused = new Set((forms ?? []).flatMap(({ name, paused }) => (paused === null ? [] : [name])))
      if (forms !== undefined) for (const form of sets.form) formPaused.set({ form }, paused.has(form) ? 1 : 0)
      for (const each of [keyUsed, receiving, removable]) each.reset()
      for (const { form, position, use, at } of keys?.lastUses ?? []) {
        keyUsed.set({ form: closed(sets, 'form', form), position: closed(sets, 'position', String(position)), use }, at)
      }
      for (const { form, ...figures } of keys?.previous ?? []) {
        receiving.set({ form: closed(sets, 'form', form) }, figures.receiving)
        removable.set({ form: closed(sets, 'form', form) }, figures.removable)
      }
      ofFiles.reset()
      oldestOfFiles.reset()
      if (waitingForFiles === undefined) oldestOfFiles.remove()
      else oldestOfFiles.set(Math.max(0, ...waitingForFiles.map(({ oldestSeconds }) => oldestSeconds)))
      for (const { host, code, count } of waitingForFiles ?? []) {
        ofFiles.inc({ host: closed(sets, 'host', host ?? OTHER), code: closed(sets, 'code', code) }, count)
      }
      commit.set(sources.waitingForCommit())
      attempts.set(sources.attemptsRunning())
      dropped.reset()
      dropped.inc(sources.linesDropped())
      for (const [listener, state] of sources.listeners()) {
        if (state.certificateDaysLeft !== undefined) certificate.set({ listener }, state.certificateDaysLeft)
        connections.set({ listener }, state.connections)
        requests.set({ listener }, state.requests)
      }
    },
  }
}
