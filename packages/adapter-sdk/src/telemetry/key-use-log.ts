/** Records in the store when each key was last used: a sink of events. */
import { type AdapterEvent, type Emit, errorName } from '../events.ts'
import type { KeyIds } from '../store/key-id.ts'
import type { KeyUse, KnowingKeys } from '../store/store.ts'

/**
 * All uses of a minute are one short statement, which no submission waits for: a key that is in use all the time costs one write a
 * minute. A process that dies loses the uses of its last minute, which changes no decision by a rule that counts days.
 */
export class KeyUseLog {
  readonly #store: Pick<KnowingKeys, 'useKeys'>
  readonly #ids: KeyIds
  readonly #emit: Emit
  readonly #pauseMilliseconds: number
  readonly #unwritten = new Map<string, KeyUse>()
  #timer: NodeJS.Timeout | undefined
  #writing = Promise.resolve()

  /** `pauseSeconds`: how long a use waits to be written. */
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
    this.#timer ??= setTimeout(() => {
      this.#writing = this.#write()
    }, this.#pauseMilliseconds).unref()
  }

  async #write(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const uses = [...this.#unwritten]
    this.#unwritten.clear()
    if (uses.length === 0) return
    try {
      await this.#store.useKeys(uses.map(([, use]) => use))
    } catch (error) {
      for (const [name, use] of uses) this.#unwritten.set(name, use)
      this.#schedule()
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
