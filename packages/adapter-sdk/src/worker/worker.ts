/** Takes waiting submissions and runs their attempts, as many at a time as it is told. */

import { AdapterError } from '../errors.ts'
import { type Emit, errorName } from '../events.ts'
import type { Claim, Ending, Loss } from '../store/claim.ts'
import type { Database } from '../store/database.ts'
import { HEARTBEAT_SECONDS, WAITING_CHANNEL } from '../store/pg-boss.ts'
import type { Work } from './attempts.ts'

export interface WorkerOptions {
  readonly database: Database
  readonly work: Work
  readonly forms: ReadonlyMap<string, Loss>
  readonly concurrency: number
  readonly emit: Emit
  /** Runs one attempt; never throws. `signal` aborts when the process cannot wait for it any longer, or has lost it. */
  readonly deliver: (claim: Claim, signal: AbortSignal) => Promise<Ending>
}

interface Running {
  readonly claim: Claim
  readonly abort: AbortController
  readonly done: Promise<void>
}

export class Worker {
  readonly #options: WorkerOptions
  readonly #mayClaimAhead: boolean
  readonly #running = new Set<Running>()
  /** Of those, in their handler: others wait for their turn, or until what happened is on record. */
  #handling = 0
  /** Claimed before there is room for them, in their order. */
  readonly #ahead: (() => void)[] = []
  /** Milliseconds, of late: from the wish for more work until it is there, and in a handler. */
  #claimTakes = 0
  #handlerTakes = Number.POSITIVE_INFINITY
  #stopping = false
  /** Whether a claim failed, which may have been written all the same. */
  #unsure = false
  #givenUp = false
  #wake: () => void = () => undefined
  #awake = false
  #loop: Promise<void> = Promise.resolve()
  #heartbeat: NodeJS.Timeout | undefined
  #listening: { close(): Promise<void> } | undefined

  constructor(options: WorkerOptions) {
    this.#options = options
    this.#mayClaimAhead = ![...options.forms.values()].includes('uncertain')
  }

  /** Attempts that run now, until what happened is on record. */
  get running(): number {
    return this.#running.size - this.#ahead.length
  }

  /**
   * How many to claim: as many as may begin, and as many again where handlers are so quick that their places would stay
   * empty while the store is asked. None ahead of slow handlers, which another process may begin sooner; and none beside a
   * form where a process that dies leaves unknown what it had claimed: that form would never find an empty place.
   * What a crash would leave unknown is bounded too: no more begin while no ending can be recorded.
   */
  get #room(): number {
    const { concurrency } = this.#options
    const isQuick = this.#handlerTakes <= this.#claimTakes * concurrency
    const most = isQuick && this.#mayClaimAhead ? 2 * concurrency : concurrency
    return Math.min(most - this.#handling - this.#ahead.length, this.#mostRunning - this.#running.size)
  }

  get #mostRunning(): number {
    return 2 * this.#options.concurrency
  }

  async start(): Promise<void> {
    this.#listening = await this.#options.database.listen(WAITING_CHANNEL, () => this.wake())
    this.#heartbeat = setInterval(() => void this.#beat(), (HEARTBEAT_SECONDS / 3) * 1000)
    this.#loop = this.#run()
  }

  /** Looks for work now instead of at the next poll. */
  wake(): void {
    this.#awake = true
    this.#wake()
  }

  /** Takes nothing more, waits for what runs, and after `graceSeconds` aborts it. */
  async stop(graceSeconds: number): Promise<void> {
    this.#stopping = true
    this.wake()
    // What has not begun goes back to the queue.
    for (const begin of this.#ahead.splice(0)) {
      this.#handling += 1
      begin()
    }
    await this.#listening?.close().catch(() => undefined)
    const giveUp = setTimeout(() => {
      this.#givenUp = true
      for (const { abort } of this.#running) abort.abort(new Error('the process stops'))
    }, graceSeconds * 1000)
    const abandon = new Promise<void>((resolve) => {
      setTimeout(resolve, graceSeconds * 1000 + ABANDON_MILLISECONDS).unref()
    })
    const ended = this.#loop.then(() => Promise.all([...this.#running].map(({ done }) => done)))
    await Promise.race([ended, abandon])
    clearTimeout(giveUp)
    clearInterval(this.#heartbeat)
  }

  async #run(): Promise<void> {
    const forms = [...this.#options.forms]
    for (let turn = 0; !this.#stopping; turn++) {
      this.#awake = false
      let found = 0
      // Another form comes first each turn, so that one with a long queue does not starve the others.
      for (const index of forms.keys()) {
        const [form, lossOf] = forms[(turn + index) % forms.length] as [string, Loss]
        // Attempts that end in the same turn of the event loop make room together: one claim of many costs little more.
        const wished = performance.now()
        await new Promise((resolve) => setImmediate(resolve))
        await this.#options.work.settled()
        const room = this.#room
        if (room <= 0 || this.#stopping) break
        found += await this.#take(form, room, lossOf)
        this.#claimTakes = smoothed(this.#claimTakes, performance.now() - wished)
      }
      if (found === 0) await this.#pause()
    }
  }

  async #take(form: string, most: number, lossOf: Loss): Promise<number> {
    const { database, work, emit } = this.#options
    try {
      // The embedded store has nobody else who would see that a claim failed after its commit.
      if (this.#unsure && database.kind === 'embedded') await work.releaseLost(this.#claims())
      this.#unsure = false
      const claims = await work.claim(form, most, lossOf)
      for (const claim of claims) this.#start(claim)
      return claims.length
    } catch (error) {
      this.#unsure = true
      emit({ event: 'store.failed', during: 'claim', code: errorName(error) })
      return 0
    }
  }

  #start(claim: Claim): void {
    const abort = new AbortController()
    const running: Running = { claim, abort, done: this.#attempt(claim, abort.signal) }
    this.#running.add(running)
    void running.done.finally(() => {
      if (this.#running.size >= this.#mostRunning) this.wake()
      this.#running.delete(running)
    })
  }

  #claims(): Claim[] {
    return [...this.#running].map(({ claim }) => claim)
  }

  async #attempt(claim: Claim, signal: AbortSignal): Promise<void> {
    const { form, submissionId, attempt } = claim
    const { emit, deliver } = this.#options
    await this.#turn()
    // What a person has approved is not approved again by going back.
    if (signal.aborted || (this.#stopping && !claim.approved)) {
      this.#next()
      return await this.#settle(claim, notBegun(claim))
    }
    emit({ event: 'attempt.started', form, submissionId, attempt })
    const started = performance.now()
    const ending = await deliver(claim, signal).finally(() => this.#next())
    const took = performance.now() - started
    this.#handlerTakes = smoothed(this.#handlerTakes, took)
    const milliseconds = Math.round(took)
    await this.#settle(claim, ending)
    const about = { form, submissionId, attempt }
    if (ending.outcome === 'delivered') {
      emit({ event: 'submission.delivered', ...about, milliseconds, confirmed: ending.confirmed })
    } else {
      const retryInSeconds = ending.outcome === 'retry' ? Math.round(ending.delaySeconds) : 0
      const detail = ending.ours ? { detail: ending.reason } : {}
      emit({ event: 'attempt.failed', ...about, milliseconds, code: ending.code, retryInSeconds, ...detail })
      if (ending.outcome === 'dead') {
        emit({ event: 'submission.dead', ...about, code: ending.code, uncertain: ending.uncertain })
      }
    }
  }

  /** Resolves when there is room for one more handler. */
  async #turn(): Promise<void> {
    if (this.#handling < this.#options.concurrency) this.#handling += 1
    else await new Promise<void>((resolve) => this.#ahead.push(resolve))
  }

  /** A handler has ended: what was claimed ahead takes its room. */
  #next(): void {
    const begin = this.#ahead.shift()
    if (begin === undefined) this.#handling -= 1
    else begin()
    this.wake()
  }

  /** What happened is known now and nowhere else: it is written down, however long the store is away. */
  async #settle(claim: Claim, ending: Ending): Promise<void> {
    for (;;) {
      try {
        return await this.#options.work.settle(claim, ending)
      } catch (error) {
        this.#options.emit({ event: 'store.failed', during: 'settle', code: errorName(error) })
        if (this.#givenUp) return
        await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS))
      }
    }
  }

  async #beat(): Promise<void> {
    if (this.#running.size === 0) return
    try {
      const lost = new Set(await this.#options.work.heartbeat(this.#claims()))
      for (const { claim, abort } of this.#running) {
        if (lost.has(claim)) abort.abort(new AdapterError('ERR_ATTEMPT_LOST', 'another process has taken it over'))
      }
    } catch (error) {
      this.#options.emit({ event: 'store.failed', during: 'heartbeat', code: errorName(error) })
    }
  }

  /** Until somebody wakes us, or the next poll: retries that fall due notify nobody. */
  async #pause(): Promise<void> {
    if (this.#awake) return
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

/** Of an attempt whose process stopped, or lost it, before its handler was called. */
function notBegun({ uncertain }: Claim): Ending {
  const reason = 'the attempt was given up before it began'
  return { outcome: 'retry', code: 'ERR_ATTEMPT_LOST', reason, ours: true, delaySeconds: 0, uncertain }
}

function smoothed(before: number, now: number): number {
  return Number.isFinite(before) ? before + (now - before) / 8 : now
}

const POLL_MILLISECONDS = 1000
const ABANDON_MILLISECONDS = 6000
