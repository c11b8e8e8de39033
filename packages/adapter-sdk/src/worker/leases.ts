/** Keeps the leases of this process, and ends attempts of processes that are gone. */
import { AdapterError } from '../errors.ts'
import { type Emit, errorName } from '../events.ts'
import type { Claim } from '../store/claim.ts'
import type { Delivering, LostAttempt, Overdue } from '../store/store.ts'

/** A claim of this process, and what aborts its attempt. */
export interface Held {
  readonly claim: Claim
  readonly abort: AbortController
}

/** What leases need. */
export interface LeasesOptions {
  readonly store: Pick<Delivering, 'overdue' | 'endLost' | 'renew'>
  readonly held: () => readonly Held[]
  /** What the loss of an attempt means. Undefined: a form that this process does not have. */
  readonly lossOf: (seen: Overdue) => Omit<LostAttempt, 'seen' | 'leaseSeconds'> | undefined
  readonly leaseSeconds: number
  readonly emit: Emit
  /** Milliseconds of a clock that never jumps. Default: the process's. */
  readonly monotonic?: () => number
}

/**
 * Three times in a lease the leases of this process are renewed, and those that have run out elsewhere are looked at. A lease is
 * judged by watching it, not by a clock alone: an attempt is ended only after this process has seen the same overdue lease,
 * unrenewed, for a whole lease of its own time, with no look failing in between. So after an outage of the store, a jump of
 * its clock or a start, living processes renew first.
 */
export class Leases {
  readonly #options: LeasesOptions
  readonly #leaseMilliseconds: number
  readonly #lookMilliseconds: number
  /** By attempt and the end of its lease: since when it has been watched, on a clock that never jumps. */
  readonly #watched = new Map<string, number>()
  #renewal: NodeJS.Timeout | undefined
  #pulse: NodeJS.Timeout | undefined
  readonly #monotonic: () => number
  #lastPulse: { readonly monotonic: number; readonly wall: number }
  #renewedAt: number
  /** When it last saw what is overdue. */
  #seenAt = Number.NEGATIVE_INFINITY
  #looking: Promise<void> = Promise.resolve()

  constructor(options: LeasesOptions) {
    this.#options = options
    this.#leaseMilliseconds = options.leaseSeconds * 1000
    this.#lookMilliseconds = this.#leaseMilliseconds / 3
    this.#monotonic = options.monotonic ?? (() => performance.now())
    this.#renewedAt = this.#monotonic()
    this.#lastPulse = { monotonic: this.#renewedAt, wall: Date.now() }
  }

  start(): void {
    this.#lastPulse = { monotonic: this.#monotonic(), wall: Date.now() }
    this.#renewal = setInterval(() => {
      this.#looking = this.#looking.then(() => this.look())
    }, this.#lookMilliseconds).unref()
    this.#pulse = setInterval(() => this.feelPulse(), PULSE_MILLISECONDS).unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#renewal)
    clearInterval(this.#pulse)
    await this.#looking
  }

  /** Whether the leases of this process may have run out: it could not renew them for as long as they last. */
  get isStale(): boolean {
    return this.#options.held().length > 0 && this.#monotonic() - this.#renewedAt > this.#leaseMilliseconds
  }

  /** Called after each claim. Its lease began when it was asked for, or later: the answer may be read after a long stop. */
  claimed(askedAt: number): void {
    if (this.#options.held().length === 0) this.#renewedAt = askedAt
  }

  /** Renews, then looks at what is overdue. */
  async look(): Promise<void> {
    const started = this.#monotonic()
    // A process that stood still has watched nothing. What stopped it may have stopped the others.
    if (started - this.#seenAt > 2 * this.#lookMilliseconds) this.#watched.clear()
    try {
      await this.#renew()
      const overdue = await this.#options.store.overdue()
      this.#seenAt = this.#monotonic()
      // A store that answers so late did not let others renew in time either.
      if (this.#seenAt - started > this.#lookMilliseconds) this.#watched.clear()
      await this.#end(overdue)
    } catch (error) {
      // What was seen before a failure is not known to have stayed so.
      this.#watched.clear()
      this.#options.emit({ event: 'store.failed', during: 'heartbeat', code: errorName(error) })
    }
  }

  async #renew(): Promise<void> {
    const held = this.#options.held()
    const started = this.#monotonic()
    if (held.length > 0) {
      const claims = held.map(({ claim }) => claim)
      const ours = await this.#options.store.renew(claims, this.#options.leaseSeconds)
      for (const [i, { abort }] of held.entries()) {
        if (!ours[i]) abort.abort(new AdapterError('ERR_ATTEMPT_LOST', 'the attempt was lost to another process'))
      }
    }
    this.#renewedAt = started
  }

  async #end(overdue: readonly Overdue[]): Promise<void> {
    // A process never ends an attempt that it is running itself.
    const held = new Set(this.#options.held().map(({ claim }) => claim.id))
    const others = new Map(overdue.filter(({ id }) => !held.has(id)).map((seen) => [keyOf(seen), seen]))
    const now = this.#monotonic()
    for (const key of this.#watched.keys()) if (!others.has(key)) this.#watched.delete(key)
    for (const key of others.keys()) if (!this.#watched.has(key)) this.#watched.set(key, now)
    const lost = [...others].flatMap(([key, seen]) => {
      const since = this.#watched.get(key) ?? now
      const isGone = now - since >= this.#leaseMilliseconds - TOLERANCE_MILLISECONDS
      const loss = isGone ? this.#options.lossOf(seen) : undefined
      return loss === undefined ? [] : [{ seen, leaseSeconds: this.#options.leaseSeconds, ...loss }]
    })
    for (let at = 0; at < lost.length; at += MOST_AT_ONCE) await this.#endBatch(lost.slice(at, at + MOST_AT_ONCE))
  }

  async #endBatch(lost: readonly LostAttempt[]): Promise<void> {
    const { emit } = this.#options
    for (const ended of await this.#options.store.endLost(lost)) {
      const { form, submissionId, attempt, state, uncertain, code } = ended
      const delaySeconds = lost.find(({ seen }) => seen.id === ended.id)?.delaySeconds ?? 0
      const retryInSeconds = state === 'dead' ? 0 : Math.round(delaySeconds)
      const about = { form, submissionId, attempt }
      emit({ event: 'attempt.failed', ...about, milliseconds: 0, code: 'ERR_ATTEMPT_LOST', retryInSeconds })
      if (state === 'dead') emit({ event: 'submission.dead', ...about, code, uncertain })
    }
  }

  /** Called every second. A process that was stopped for longer than a lease may have lost all that it runs: it aborts that. */
  feelPulse(): void {
    const { monotonic, wall } = this.#lastPulse
    const asleep = Math.max(this.#monotonic() - monotonic, Date.now() - wall)
    this.#lastPulse = { monotonic: this.#monotonic(), wall: Date.now() }
    if (asleep < this.#leaseMilliseconds) return
    this.#watched.clear()
    for (const { abort } of this.#options.held()) {
      abort.abort(new AdapterError('ERR_ATTEMPT_LOST', 'the process was stopped for longer than its lease'))
    }
  }
}

const PULSE_MILLISECONDS = 1000
/** A timer may be early by a little: the third look counts. */
const TOLERANCE_MILLISECONDS = 200
const MOST_AT_ONCE = 200

function keyOf({ id, attempt, dueAt }: Overdue): string {
  return `${id}/${attempt}/${dueAt.getTime()}`
}
