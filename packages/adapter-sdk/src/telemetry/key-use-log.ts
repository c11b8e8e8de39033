/** Records in the store when each key was last used: a sink of events. */
import { type AdapterEvent, type Emit, errorName } from '../events.ts'
import type { KeyIds } from '../store/key-id.ts'
import type { KeyUse, KnowingKeys } from '../store/store.ts'

/**
 * Writes beside everything else, and each use of each key at most once a minute: a key that is in use all the time costs one short
 * statement. A process that dies loses the uses of its last minute, which changes no decision by a rule that counts days.
 */
export class KeyUseLog {
  readonly #store: Pick<KnowingKeys, 'useKeys'>
  readonly #ids: KeyIds
  readonly #emit: Emit
  readonly #pauseMilliseconds: number
  readonly #unwritten = new Map<string, KeyUse>()
  readonly #writtenAt = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined

  /** `pauseSeconds`: between two writes of the same use of a key. */
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
    await this.#write([...this.#unwritten])
    clearTimeout(this.#timer)
  }

  #note(form: string, position: number, what: KeyUse['what']): void {
    const keyId = this.#ids[form]?.[position]
    const name = `${form} ${keyId} ${what}`
    if (keyId === undefined || this.#unwritten.has(name)) return
    this.#unwritten.set(name, { form, keyId, what })
    this.#schedule()
  }

  #schedule(): void {
    if (this.#writing !== undefined || this.#unwritten.size === 0) return
    clearTimeout(this.#timer)
    const dueAt = (name: string) => (this.#writtenAt.get(name) ?? Number.NEGATIVE_INFINITY) + this.#pauseMilliseconds
    const next = Math.min(...[...this.#unwritten.keys()].map(dueAt))
    this.#timer = setTimeout(
      () => {
        const due = [...this.#unwritten].filter(([name]) => dueAt(name) <= performance.now())
        this.#writing = this.#write(due).finally(() => {
          this.#writing = undefined
          this.#schedule()
        })
      },
      Math.max(0, next - performance.now()),
    ).unref()
  }

  async #write(uses: readonly (readonly [string, KeyUse])[]): Promise<void> {
    if (uses.length === 0) return
    for (const [name] of uses) {
      this.#unwritten.delete(name)
      this.#writtenAt.set(name, performance.now())
    }
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
