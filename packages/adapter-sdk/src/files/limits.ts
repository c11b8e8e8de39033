/** Limits of captures: bytes, seconds, and files at once. */
import { AdapterError } from '../errors.ts'

/** The limits of captures. Sizes are of the ciphertext, which is up to 16 bytes larger than the file. */
export interface CaptureLimits {
  /** Largest file. Default 128 MiB; the platform accepts files up to 7 MiB. */
  readonly limitBytes: number
  /** Largest sum of the files of one submission. Default 512 MiB. */
  readonly totalLimitBytes: number
  /** Most files of one submission; those beyond are missing. Default 100. */
  readonly limitCount: number
  /** Time until a link starts to answer, in seconds. Default 10. */
  readonly connectTimeoutSeconds: number
  /** Time for one file, in seconds. Default: two thirds of the time for all, 30. */
  readonly fileTimeoutSeconds: number
  /** Time for all files of one submission, waiting included, in seconds. Default 45: ingresses give up after 60. */
  readonly timeoutSeconds: number
  /** Files of one submission that are read at once. Default 2. */
  readonly concurrency: number
  /** Files of all submissions that are read at once; others wait their turn. Default 8. */
  readonly inFlight: number
}

/** The defaults. The time stays below that of an ingress, so that the sender gets an answer. */
export const DEFAULT_CAPTURE_LIMITS: Omit<CaptureLimits, 'fileTimeoutSeconds'> = {
  limitBytes: 134_217_728,
  totalLimitBytes: 536_870_912,
  limitCount: 100,
  connectTimeoutSeconds: 10,
  timeoutSeconds: 45,
  concurrency: 2,
  inFlight: 8,
}

/** A number of slots, given out in the order they were asked for. */
export class Slots {
  #free: number
  readonly #waiting = new Set<() => void>()

  constructor(count: number) {
    this.#free = count
  }

  /** Resolves when a slot is free; disposing the result gives it back. @throws the reason of the signal. */
  async take(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted()
    if (this.#free > 0) this.#free -= 1
    else await this.#turn(signal)
    return { [Symbol.dispose]: () => this.#giveBack() }
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = () => {
        signal.removeEventListener('abort', abort)
        resolve()
      }
      const abort = () => {
        this.#waiting.delete(turn)
        reject(signal.reason)
      }
      this.#waiting.add(turn)
      signal.addEventListener('abort', abort, { once: true })
    })
  }

  #giveBack(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#free += 1
    } else {
      this.#waiting.delete(next)
      next()
    }
  }
}

/** The bytes that the files of one submission may have together. */
export class Budget {
  readonly #limitBytes: number
  #takenBytes = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** @throws {AdapterError} ERR_ATTACHMENT_TOO_LARGE */
  take(bytes: number): void {
    this.#takenBytes += bytes
    if (this.#takenBytes <= this.#limitBytes) return
    const sum = `all files together have more than ${this.#limitBytes} bytes`
    throw new AdapterError('ERR_ATTACHMENT_TOO_LARGE', sum)
  }

  /** For a file that failed: its bytes are not kept. */
  giveBack(bytes: number): void {
    this.#takenBytes -= bytes
  }
}
