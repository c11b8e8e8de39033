/** Tells the store now and then that this process is there, and how handing over and receiving go: a sink of events. */
import { randomUUID } from 'node:crypto'
import { type AdapterEvent, type Emit, errorName } from '../events.ts'
import type { CheckingIn, Happened, OwnProcess } from '../store/store.ts'

type Ended = Happened['ended'][number]

/**
 * One short statement every ten seconds, which no submission waits for. It is for people who look: a process that dies loses what
 * has happened since, and a write whose answer is lost counts twice.
 */
export class CheckIn {
  readonly #store: CheckingIn
  readonly #process: OwnProcess
  readonly #emit: Emit
  readonly #pauseMilliseconds: number
  #ended = new Map<string, Ended>()
  #refused = new Map<string, Happened['refused'][number]>()
  #timer: NodeJS.Timeout | undefined
  #writing = Promise.resolve()
  #isClosed = false

  /** `pauseSeconds`: between two check-ins. */
  constructor(store: CheckingIn, process: Omit<OwnProcess, 'id'>, emit: Emit, pauseSeconds = 10) {
    this.#store = store
    this.#process = { id: randomUUID(), ...process }
    this.#emit = emit
    this.#pauseMilliseconds = pauseSeconds * 1000
  }

  /** Of this process, new with each start. */
  get id(): string {
    return this.#process.id
  }

  readonly record = (event: AdapterEvent): void => {
    if (event.event === 'submission.delivered') {
      this.#end({ form: event.form, wasDelivered: true, failures: 0, code: null })
    } else if (event.event === 'attempt.failed') {
      this.#end({ form: event.form, wasDelivered: false, failures: 1, code: event.code })
    } else if (event.event === 'submission.refused') {
      this.#refuse({ form: event.form, code: event.code, count: 1 })
    }
  }

  /** Checks in now, and then again and again. */
  start(): void {
    this.#writing = this.#turn()
  }

  /** Writes what is not written yet, once, and checks out. Its failure is an event. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#writing
    await this.#write()
    await this.#store.checkOut(this.id).catch((error: unknown) => this.#failed(error))
  }

  async #turn(): Promise<void> {
    await this.#write()
    if (this.#isClosed) return
    this.#timer = setTimeout(() => this.start(), this.#pauseMilliseconds).unref()
  }

  async #write(): Promise<void> {
    const [ended, refused] = [this.#ended, this.#refused]
    this.#ended = new Map()
    this.#refused = new Map()
    try {
      await this.#store.checkIn(this.#process, { ended: [...ended.values()], refused: [...refused.values()] })
    } catch (error) {
      const [later, laterRefused] = [this.#ended, this.#refused]
      this.#ended = ended
      this.#refused = refused
      for (const each of later.values()) this.#end(each)
      for (const each of laterRefused.values()) this.#refuse(each)
      this.#failed(error)
    }
  }

  #end(later: Ended): void {
    const { form, wasDelivered } = later
    const before = this.#ended.get(form)
    const code = later.code ?? before?.code ?? null
    const failures = later.failures + (wasDelivered ? 0 : (before?.failures ?? 0))
    this.#ended.set(form, { form, wasDelivered: wasDelivered || before?.wasDelivered === true, failures, code })
  }

  #refuse({ form, code, count }: Happened['refused'][number]): void {
    const key = `${form} ${code}`
    this.#refused.set(key, { form, code, count: count + (this.#refused.get(key)?.count ?? 0) })
  }

  #failed(error: unknown): void {
    this.#emit({ event: 'store.failed', during: 'check-in', code: errorName(error) })
  }
}
