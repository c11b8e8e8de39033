/** The command `send`: one submission, once, with retries, or on the schedule of Form Builder. */
import { readFile } from 'node:fs/promises'
import { AdapterError, SENDER_DELIVERIES, senderRetrySeconds } from '@formbuilder/adapter-sdk/protocol'
import { UsageError } from './exit-code.ts'
import { Interruption } from './interruption.ts'
import { inWords, Progress } from './progress.ts'
import { print, type Streams } from './streams.ts'
import { type Receipt, submit } from './submit.ts'
import { readStdin, readTarget, type TargetOptions, withFile } from './target.ts'

/** Options of `send`. */
export interface SendOptions extends TargetOptions {
  readonly submissionId?: string
  readonly retry: number
  readonly repeat?: true
  readonly speed?: number
}

/** Sends the submission from a file or from standard input. */
export async function send(file: string, options: SendOptions, streams: Streams): Promise<void> {
  assertOptions(options)
  const target = await readTarget(options, streams)
  const submission = file === '-' ? await readStdin(streams.stdin) : await withFile(file, readFile)
  using progress = new Progress(streams.stderr)
  using interruption = new Interruption()
  const sent = new Sent(options)
  if (options.repeat) progress.note(REPEATS)
  try {
    const receipt = await submit({
      ...target,
      submission,
      retries: options.retry,
      repeat: options.repeat ?? false,
      speed: options.speed ?? 1,
      signal: interruption.signal,
      ...(options.submissionId !== undefined && { submissionId: options.submissionId }),
      onAttempt(attempt) {
        sent.begin()
        progress.waitFor((seconds) => `${sent.name(attempt)}waiting for the receiver, ${seconds} s ...`)
      },
      onRetry(attempt, seconds, error) {
        sent.fail(error)
        progress.note(`${sent.failed(attempt, error)}; ${sent.next(attempt, seconds)}`)
        if (seconds >= 1)
          progress.waitFor(
            (passed) => `${sent.name(attempt + 1)}in ${inWords(Math.max(0, Math.round(seconds) - passed))}`,
            { terminalOnly: true },
          )
      },
    })
    progress[Symbol.dispose]()
    assertRecognised(receipt)
    printReceipt(receipt, options, streams)
  } catch (error) {
    if (interruption.signal.aborted) throw sent.stopped()
    if (options.repeat && sent.isLast && error instanceof AdapterError)
      progress.note(`${sent.failed(SENDER_DELIVERIES, error)}; Form Builder gives up here`)
    throw error
  }
}

const REPEATS = `repeating as Form Builder does: up to ${SENDER_DELIVERIES} deliveries in 20 days, until the answer is 2xx; Ctrl-C stops`

function assertOptions({ repeat, retry, speed }: SendOptions): void {
  if (repeat && retry > 0) throw new UsageError('--repeat and --retry cannot be combined')
  if (speed !== undefined && !repeat) throw new UsageError('--speed needs --repeat')
}

function assertRecognised({ outcome, status }: Receipt): void {
  if (outcome !== 'unrecognised') return
  const why = `answered ${status}, but not that it has the submission: another server may have answered`
  throw new AdapterError('ERR_RECEIVER_REFUSED', `the receiver ${why}; sending again is safe`)
}

function printReceipt(receipt: Receipt, { json }: SendOptions, streams: Streams): void {
  const { outcome, status, submissionId, attempts } = receipt
  const meaning = outcome === 'duplicate' ? 'the receiver already had it' : 'the receiver has it'
  const atAttempt = attempts > 1 ? `, at attempt ${attempts}` : ''
  print(streams, json, receipt, `${outcome}: ${meaning} (${status}${atAttempt}), submission ${submissionId}`)
}

/** What was sent so far, in words. */
class Sent {
  readonly #repeat: boolean
  readonly #speed: number
  readonly #most: number
  #begun = 0
  readonly #failures: AdapterError[] = []

  constructor({ repeat, speed = 1, retry }: SendOptions) {
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
