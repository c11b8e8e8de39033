/** Claims submissions that are due and runs their attempts, at most so many at a time. */
import { setTimeout as pause } from 'node:timers/promises'
import { type Emit, errorName } from '../events.ts'
import type { Form } from '../form.ts'
import type { Claim, Ending } from '../store/claim.ts'
import { groupCommit } from '../store/group-commit.ts'
import type { Delivering } from '../store/store.ts'
import type { RunAttempt } from './attempt.ts'
import type { Attempts } from './attempts.ts'
import { lossOf, MOST_LOSSES, needsNoPerson, type RetryPolicy, retryDelaySeconds, settleSecondsOf } from './ending.ts'
import { type Held, Leases } from './leases.ts'
import { Places } from './places.ts'

export interface WorkerOptions {
  readonly store: Delivering
  readonly attempts: Attempts
  readonly forms: ReadonlyMap<string, Form>
  readonly concurrency: number
  readonly retry: RetryPolicy
  readonly emit: Emit
  readonly runAttempt: RunAttempt
  /** Milliseconds of a clock that never jumps. Default: the process's. */
  readonly monotonic?: () => number
}

interface Running extends Held {
  readonly done: Promise<void>
}

export class Worker {
  readonly #options: WorkerOptions
  readonly #places: Places
  readonly #leases: Leases
  readonly #monotonic: () => number
  readonly #running = new Set<Running>()
  readonly #releases
  #isStopping = false
  /** The time to stop is over: what cannot be recorded now is left to other processes. */
  #isGivenUp = false
  #wake: () => void = () => undefined
  #isAwake = false
  /** When the store was last asked for work, on a clock that never jumps. */
  #askedAt = Number.NEGATIVE_INFINITY
  #loop: Promise<void> = Promise.resolve()
  #listening: { close(): Promise<void> } | undefined

  constructor(options: WorkerOptions) {
    this.#options = options
    const { forms, concurrency, store, attempts, retry, emit, monotonic = () => performance.now() } = options
    this.#monotonic = monotonic
    this.#releases = groupCommit(async (claims: readonly Claim[]) => {
      try {
        await store.release(claims)
        return claims.map(() => true)
      } catch (error) {
        emit({ event: 'store.failed', during: 'release', code: errorName(error) })
        return claims.map(() => false)
      }
    }, MOST_RELEASES)
    const isAnyUncertain = [...forms.values()].some((form) => lossOf(form) === 'uncertain')
    this.#places = new Places([...forms.keys()], concurrency, !isAnyUncertain)
    this.#leases = new Leases({
      store,
      held: () => [...this.#running],
      leaseSeconds: attempts.leaseSeconds,
      lossOf: ({ form: name, attemptsSinceRedrive, losses }) => {
        const form = forms.get(name)
        return (
          form && {
            loss: lossOf(form),
            canConfirm: needsNoPerson(form),
            delaySeconds: retryDelaySeconds(attemptsSinceRedrive - losses, retry),
            settleSeconds: settleSecondsOf(form),
            mostLosses: MOST_LOSSES,
          }
        )
      },
      emit,
      monotonic,
    })
  }

  /** Attempts that run, until their end is recorded. */
  get running(): number {
    return this.#places.running
  }

  async start(): Promise<void> {
    this.#listening = await this.#options.store.onDue(() => this.wake())
    this.#leases.start()
    this.#loop = this.#run()
  }

  /** Looks for work now instead of at the next poll. */
  wake(): void {
    this.#isAwake = true
    this.#wake()
  }

  /** Claims nothing more, gives back what has not started, waits for what runs, and aborts it after `graceSeconds`. */
  async stop(graceSeconds: number): Promise<void> {
    this.#isStopping = true
    this.wake()
    this.#places.releaseClaimedAhead()
    await this.#listening?.close().catch(() => undefined)
    const giveUp = setTimeout(() => {
      for (const { abort } of this.#running) abort.abort(new Error('the process stops'))
    }, graceSeconds * 1000)
    const abandon = pause(graceSeconds * 1000 + ABANDON_MILLISECONDS, undefined, { ref: false }).then(() => {
      this.#isGivenUp = true
      this.wake()
    })
    await Promise.race([this.#loop, abandon])
    clearTimeout(giveUp)
    await this.#leases.stop()
  }

  /** One turn after the other: it records what has ended and claims what there are places for. */
  async #run(): Promise<void> {
    const { attempts } = this.#options
    while (!this.#isGivenUp && !(this.#isStopping && this.#running.size === 0)) {
      this.#isAwake = false
      // Attempts that end in the same turn of the event loop are recorded together: a batch costs little more than one.
      const started = performance.now()
      await new Promise((resolve) => setImmediate(resolve))
      this.#places.releaseDelayed()
      // After an outage of the store it renews first: what it cannot start it would only give back.
      const wanted = this.#isStopping || this.#leases.isStale ? [] : this.#places.wanted()
      // Beside full places there is room for a suspect only. It is looked for at each poll and not at each arrival: arrivals
      // are no suspects, and the store has better things to do then.
      const hasPlace = wanted.some(({ most }) => most > 0)
      const isPoll = wanted.length > 0 && started - this.#askedAt >= LOOK_MILLISECONDS
      if (!hasPlace && !isPoll && !attempts.hasEndings) {
        await this.#pause()
        continue
      }
      this.#askedAt = started
      try {
        const asked = this.#monotonic()
        const claims = await attempts.turn(wanted)
        this.#places.claimTook(performance.now() - started)
        this.#places.got(wanted, claims)
        if (claims.length > 0) this.#leases.claimed(asked)
        for (const claim of claims) this.#start(claim)
        // What was claimed while the process was told to stop waits for no place.
        if (this.#isStopping) this.#places.releaseClaimedAhead()
        if (claims.length === 0 && !attempts.hasEndings) await this.#pause()
      } catch (error) {
        this.#options.emit({ event: 'store.failed', during: 'claim', code: errorName(error) })
        await pause(POLL_MILLISECONDS)
      }
    }
  }

  #start(claim: Claim): void {
    const abort = new AbortController()
    const earlier = [...this.#running].find((each) => each.claim.id === claim.id)
    const running: Running = { claim, abort, done: this.#attempt(claim, abort.signal, earlier?.done) }
    this.#running.add(running)
    void running.done.finally(() => {
      this.#running.delete(running)
      this.#places.settled()
      this.wake()
    })
  }

  /** `earlier`: an attempt of the same submission that was lost to another process, and still runs here. */
  async #attempt(claim: Claim, signal: AbortSignal, earlier: Promise<void> | undefined): Promise<void> {
    const { form, submissionId, attempt } = claim
    const { emit, runAttempt } = this.#options
    const isSuspect = claim.losses > 0
    if (!(await this.#places.take(form, isSuspect))) return await this.#release(claim)
    const isOurs = earlier === undefined || (await this.#isStillOurs(claim, earlier))
    if (!isOurs || signal.aborted || this.#isStopping || this.#leases.isStale) {
      this.#freePlace(form, isSuspect)
      return await this.#release(claim)
    }
    emit({ event: 'attempt.started', form, submissionId, attempt })
    const started = performance.now()
    const ending = await runAttempt(claim, signal).finally(() => this.#freePlace(form, isSuspect))
    const took = performance.now() - started
    this.#places.handlerTook(took)
    // Only this process knows how the attempt ended: it tries to record it for as long as the store is unavailable.
    await this.#options.attempts.settle(claim, ending)
    this.#report(claim, ending, Math.round(took))
  }

  /** Waits until the earlier attempt has ended, which may have delivered the submission after all. */
  async #isStillOurs(claim: Claim, earlier: Promise<void>): Promise<boolean> {
    await earlier
    // If it cannot be asked, it is given back.
    const held = await this.#options.store.renew([claim], this.#options.attempts.leaseSeconds).catch(() => [])
    return held[0] === true
  }

  #report({ form, submissionId, attempt }: Claim, ending: Ending, milliseconds: number): void {
    const { emit } = this.#options
    const about = { form, submissionId, attempt }
    if (ending.outcome === 'delivered') {
      const { confirmed, reference } = ending
      emit({
        event: 'submission.delivered',
        ...about,
        milliseconds,
        confirmed,
        referenced: (reference ?? '').trim() !== '',
      })
      return
    }
    const retryInSeconds = ending.outcome === 'retry' ? Math.round(ending.delaySeconds) : 0
    const failure = ending.failure === undefined ? {} : { failure: ending.failure }
    const detail = { ...(ending.ours ? { detail: ending.reason } : {}), ...failure }
    emit({ event: 'attempt.failed', ...about, milliseconds, code: ending.code, retryInSeconds, ...detail })
    if (ending.outcome === 'dead') {
      emit({ event: 'submission.dead', ...about, code: ending.code, uncertain: ending.uncertain, ...failure })
    }
  }

  #freePlace(form: string, isSuspect: boolean): void {
    this.#places.free(form, isSuspect)
    this.wake()
  }

  /** Gives back what was claimed and has not started. If that fails for as long as the process runs, its lease runs out. */
  async #release(claim: Claim): Promise<void> {
    while (!this.#isGivenUp && !(await this.#releases.add(claim))) await pause(POLL_MILLISECONDS)
  }

  /** Until `wake`, or the next poll: a retry that becomes due notifies nobody. */
  async #pause(): Promise<void> {
    if (this.#isAwake) return
    await new Promise<void>((resolve) => {
      // The server keeps the process, not the timers: where nobody needs the server (in tests), the process may end.
      const timer = setTimeout(resolve, POLL_MILLISECONDS).unref()
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = () => undefined
  }
}

const MOST_RELEASES = 256
const POLL_MILLISECONDS = 1000
/** A timer may be early by a little: the next poll counts. */
const LOOK_MILLISECONDS = 900
const ABANDON_MILLISECONDS = 6000
