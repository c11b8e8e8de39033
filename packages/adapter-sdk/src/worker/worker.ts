/** Claims submissions that are due and runs their attempts, at most `CONCURRENCY` at a time. */
import { setTimeout as pause } from 'node:timers/promises'
import { AdapterError } from '../errors.ts'
import { type Emit, errorName } from '../events.ts'
import type { Claim, Ending, Loss } from '../store/claim.ts'
import type { Database } from '../store/database.ts'
import { HEARTBEAT_SECONDS, WAITING_CHANNEL } from '../store/pg-boss.ts'
import type { RunAttempt } from './attempt.ts'
import type { Attempts } from './attempts.ts'
import { Places } from './places.ts'

export interface WorkerOptions {
  readonly database: Database
  readonly attempts: Attempts
  /** By form: what losing an attempt means. */
  readonly losses: ReadonlyMap<string, Loss>
  readonly concurrency: number
  readonly emit: Emit
  readonly runAttempt: RunAttempt
}

interface Running {
  readonly abort: AbortController
  readonly done: Promise<void>
}

export class Worker {
  readonly #options: WorkerOptions
  readonly #places: Places
  readonly #running = new Map<Claim, Running>()
  #isStopping = false
  /** Whether the last claim failed: it may have been committed all the same. */
  #claimFailed = false
  /** The time to stop is over: what cannot be recorded now is left to the next process. */
  #isGivenUp = false
  #wake: () => void = () => undefined
  #isAwake = false
  #loop: Promise<void> = Promise.resolve()
  #heartbeat: NodeJS.Timeout | undefined
  #listening: { close(): Promise<void> } | undefined

  constructor(options: WorkerOptions) {
    this.#options = options
    this.#places = new Places(options.concurrency, ![...options.losses.values()].includes('uncertain'))
  }

  /** Attempts that run, until their end is recorded. */
  get running(): number {
    return this.#places.running
  }

  async start(): Promise<void> {
    this.#listening = await this.#options.database.listen(WAITING_CHANNEL, () => this.wake())
    this.#heartbeat = setInterval(() => void this.#renew(), (HEARTBEAT_SECONDS / 3) * 1000)
    this.#loop = this.#run()
  }

  /** Looks for work now instead of at the next poll. */
  wake(): void {
    this.#isAwake = true
    this.#wake()
  }

  /** Claims nothing more, waits for what runs, and aborts it after `graceSeconds`. */
  async stop(graceSeconds: number): Promise<void> {
    this.#isStopping = true
    this.wake()
    this.#places.releaseClaimedAhead()
    await this.#listening?.close().catch(() => undefined)
    const giveUp = setTimeout(() => {
      this.#isGivenUp = true
      for (const { abort } of this.#running.values()) abort.abort(new Error('the process stops'))
    }, graceSeconds * 1000)
    const abandon = pause(graceSeconds * 1000 + ABANDON_MILLISECONDS, undefined, { ref: false })
    const ended = this.#loop.then(() => Promise.all([...this.#running.values()].map(({ done }) => done)))
    await Promise.race([ended, abandon])
    clearTimeout(giveUp)
    clearInterval(this.#heartbeat)
  }

  async #run(): Promise<void> {
    const forms = [...this.#options.losses]
    for (let turn = 0; !this.#isStopping; turn++) {
      this.#isAwake = false
      let found = 0
      // Another form comes first in each turn, so that a form with a long queue does not starve the others.
      for (const index of forms.keys()) {
        const [form, loss] = forms[(turn + index) % forms.length] as [string, Loss]
        // Attempts that end in the same turn of the event loop free their places together: one claim of many costs little
        // more than a claim of one.
        const started = performance.now()
        await new Promise((resolve) => setImmediate(resolve))
        await this.#options.attempts.settled()
        const most = this.#places.left
        if (most <= 0 || this.#isStopping) break
        found += await this.#claim(form, most, loss)
        this.#places.claimTook(performance.now() - started)
      }
      if (found === 0) await this.#pause()
    }
  }

  async #claim(form: string, most: number, loss: Loss): Promise<number> {
    const { database, attempts, emit } = this.#options
    try {
      // The embedded store has no other process that would find a claim that failed after its commit.
      if (this.#claimFailed && database.kind === 'embedded') await attempts.releaseLost([...this.#running.keys()])
      this.#claimFailed = false
      const claims = await attempts.claim(form, most, loss)
      for (const claim of claims) {
        const abort = new AbortController()
        const done = this.#attempt(claim, abort.signal).finally(() => this.#forget(claim))
        this.#running.set(claim, { abort, done })
      }
      return claims.length
    } catch (error) {
      this.#claimFailed = true
      emit({ event: 'store.failed', during: 'claim', code: errorName(error) })
      return 0
    }
  }

  #forget(claim: Claim): void {
    if (this.#places.isFull) this.wake()
    this.#places.settled()
    this.#running.delete(claim)
  }

  async #attempt(claim: Claim, signal: AbortSignal): Promise<void> {
    const { form, submissionId, attempt } = claim
    const { emit, runAttempt } = this.#options
    await this.#places.takePlace()
    // A person's approval would be lost by giving the attempt back: such an attempt is still run.
    if (signal.aborted || (this.#isStopping && !claim.approved)) {
      this.#freePlace()
      return await this.#settle(claim, notStarted(claim))
    }
    emit({ event: 'attempt.started', form, submissionId, attempt })
    const started = performance.now()
    const ending = await runAttempt(claim, signal).finally(() => this.#freePlace())
    const took = performance.now() - started
    this.#places.handlerTook(took)
    await this.#settle(claim, ending)
    this.#report(claim, ending, Math.round(took))
  }

  #report({ form, submissionId, attempt }: Claim, ending: Ending, milliseconds: number): void {
    const { emit } = this.#options
    const about = { form, submissionId, attempt }
    if (ending.outcome === 'delivered') {
      emit({ event: 'submission.delivered', ...about, milliseconds, confirmed: ending.confirmed })
      return
    }
    const retryInSeconds = ending.outcome === 'retry' ? Math.round(ending.delaySeconds) : 0
    const detail = ending.ours ? { detail: ending.reason } : {}
    emit({ event: 'attempt.failed', ...about, milliseconds, code: ending.code, retryInSeconds, ...detail })
    if (ending.outcome === 'dead') {
      emit({ event: 'submission.dead', ...about, code: ending.code, uncertain: ending.uncertain })
    }
  }

  #freePlace(): void {
    this.#places.freePlace()
    this.wake()
  }

  /** Only this process knows how the attempt ended: it tries to record it for as long as the store is unavailable. */
  async #settle(claim: Claim, ending: Ending): Promise<void> {
    for (;;) {
      try {
        return await this.#options.attempts.settle(claim, ending)
      } catch (error) {
        this.#options.emit({ event: 'store.failed', during: 'settle', code: errorName(error) })
        if (this.#isGivenUp) return
        await pause(POLL_MILLISECONDS)
      }
    }
  }

  async #renew(): Promise<void> {
    if (this.#running.size === 0) return
    try {
      for (const lost of await this.#options.attempts.heartbeat([...this.#running.keys()])) {
        const error = new AdapterError('ERR_ATTEMPT_LOST', 'another process has taken it over')
        this.#running.get(lost)?.abort.abort(error)
      }
    } catch (error) {
      this.#options.emit({ event: 'store.failed', during: 'heartbeat', code: errorName(error) })
    }
  }

  /** Until `wake`, or the next poll: a retry that falls due notifies nobody. */
  async #pause(): Promise<void> {
    if (this.#isAwake) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, POLL_MILLISECONDS)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = () => undefined
  }
}

/** The ending of an attempt whose handler was never called, because the process stops or has lost it. */
function notStarted({ uncertain }: Claim): Ending {
  const reason = 'the attempt was given up before it started'
  return { outcome: 'retry', code: 'ERR_ATTEMPT_LOST', reason, ours: true, delaySeconds: 0, uncertain }
}

const POLL_MILLISECONDS = 1000
const ABANDON_MILLISECONDS = 6000
