/** What a command has sent so far, in words. */
import { AdapterError, SENDER_DELIVERIES, senderRetrySeconds } from '@formbuilder/adapter-sdk/protocol'
import { inWords } from './progress.ts'

/** Counts attempts, and words what is said about them. */
export class Sent {
  readonly #repeat: boolean
  readonly #speed: number
  readonly #most: number
  #begun = 0
  readonly #failures: AdapterError[] = []

  constructor({ repeat, speed = 1, retry }: { repeat?: true; speed?: number; retry: number }) {
    this.#repeat = repeat === true
    this.#speed = speed
    this.#most = this.#repeat ? SENDER_DELIVERIES : retry + 1
  }

  begin(): void {
    this.#begun++
  }

  fail(error: AdapterError): void {
    this.#failures.push(error)
  }

  get isLast(): boolean {
    return this.#begun === this.#most
  }

  /** How a line about an attempt begins. */
  name(attempt: number): string {
    return this.#repeat ? `delivery ${attempt} of ${this.#most}: ` : ''
  }

  failed(attempt: number, { message }: AdapterError): string {
    return `${this.#repeat ? this.name(attempt) : `attempt ${attempt}: `}${message}`
  }

  next(attempt: number, seconds: number): string {
    if (!this.#repeat) return `trying again in ${Math.ceil(seconds)} s`
    const sendersTime = inWords(senderRetrySeconds(attempt))
    return `the next in ${sendersTime}${this.#speed === 1 ? '' : ` at speed ${this.#speed}: ${inWords(seconds)}`}`
  }

  /** The error for a stop: what arrived, what may have, and what was not sent. */
  stopped(): AdapterError {
    const isUnderWay = this.#begun > this.#failures.length
    const mayHaveIt = isUnderWay || this.#failures.some(({ code }) => code === 'ERR_RECEIVER_UNREACHABLE')
    const rest = this.#most - this.#begun
    const parts = [
      this.#begun === 0 ? 'stopped before anything was sent' : `stopped: ${this.#begun} of ${this.#most} sent`,
      ...(isUnderWay ? ['the last one was still without an answer'] : []),
      ...(this.#begun > 0 && rest > 0 ? [`${rest} not sent`] : []),
      ...(mayHaveIt ? ['the receiver may have the submission'] : []),
      ...(this.#begun > 0 && !mayHaveIt ? ['the receiver has not taken the submission'] : []),
      'sending it again is safe',
    ]
    return new AdapterError('ERR_SENDING_STOPPED', parts.join('; '))
  }
}
