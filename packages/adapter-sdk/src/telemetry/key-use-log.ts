/** Records in the store when each key was last used: a sink of events. */
import { type AdapterEvent, type Emit, errorName } from '../events.ts'
import type { KeyIds } from '../store/key-id.ts'
import type { KeyUse, KnowingKeys } from '../store/store.ts'

/**
 * Writes beside everything else, at most once a minute: a key that is in use all the time costs one short statement. A process
 * that dies loses the uses of its last minute, which changes no decision about a rule that counts days.
 */
export class KeyUseLog {
  readonly #store: Pick<KnowingKeys, 'useKeys'>
  readonly #ids: KeyIds
  readonly #emit: Emit
  readonly #pauseMilliseconds: number
  readonly #unwritten = new Map<string, KeyUse>()
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  #writtenAt = Number.NEGATIVE_INFINITY

  /** `pauseSeconds`: between two writes. */
  constructor(store: Pick<KnowingKeys, 'useKeys'>, ids: KeyIds, emit: Emit, pauseSeconds = 60) {
    this.#store = store
    this.#ids = ids
    this.#emit = emit
    this.#pauseMilliseconds = pauseSeconds * 1000
  }

  readonly record = (event: AdapterEvent): void => {
    const what = USES[event.event]
    if (what !== undefined && 'keyPosition' in event) this.#note(event.form, event.keyPosition, what)
  }

  /** Writes what is not written yet, once. Its failure is an event. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#writing
    await this.#write()
    clearTimeout(this.#timer)
  }

  #note(form: string, position: number, what: KeyUse['what']): void {
    const keyId = this.#ids[form]?.[position]
    if (keyId === undefined) return
    this.#unwritten.set(`${form} ${keyId} ${what}`, { form, keyId, what })
    this.#schedule()
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#writing !== undefined) return
    const wait = Math.max(0, this.#writtenAt + this.#pauseMilliseconds - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined
        if (this.#unwritten.size > 0) this.#schedule()
      })
    }, wait).unref()
  }

  async #write(): Promise<void> {
    if (this.#unwritten.size === 0) return
    this.#writtenAt = performance.now()
    const uses = [...this.#unwritten]
    this.#unwritten.clear()
    try {
      await this.#store.useKeys(uses.map(([, use]) => use))
    } catch (error) {
      for (const [name, use] of uses) this.#unwritten.set(name, use)
      this.#emit({ event: 'store.failed', during: 'keys', code: errorName(error) })
    }
  }
}

const USES: Partial<Record<AdapterEvent['event'], KeyUse['what']>> = {
  'submission.accepted': 'receive',
  'submission.duplicate': 'receive',
  'submission.replaced': 'receive',
  'attempt.decrypted': 'deliver',
}
