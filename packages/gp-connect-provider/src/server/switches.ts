/** Switches practices and their capabilities on and off while the provider runs, and records each change. */

import { type StatWatcher, unwatchFile, watchFile } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { entryWithoutRequest } from '../audit/record.ts'
import type { AuditTrail } from '../audit/trail.ts'
import { ConfigError } from '../config-error.ts'
import { type CapabilitiesByRoot, isOn, parseSwitchFile, type SwitchFile } from '../roots/switch-file.ts'

/**
 * Where a provider learns what is on. A file is read again within two seconds of a change; a function is asked for each
 * request, first for the practice (without a capability), then for the capability. What neither names is off.
 */
export type SwitchSource = { readonly file: string } | SwitchFunction

/** Whether a practice, or one of its capabilities, is on. */
export type SwitchFunction = (root: SwitchedRoot, capability: string | undefined) => boolean | Promise<boolean>

/** A service root as a switch sees it. */
export interface SwitchedRoot {
  readonly path: string
  readonly asid: string
}

/** Events of the switches. */
export type SwitchEvent =
  | { readonly type: 'switches.changed'; readonly on: number; readonly off: number }
  | { readonly type: 'switches.refused'; readonly problems: readonly string[] }

const INTERVAL_MILLISECONDS = 1000
const NOTHING_ON: SwitchFile = { roots: {} }

/** The switches of one provider. Everything is off at first. */
export class Switches {
  readonly #source: SwitchSource
  readonly #roots: readonly SwitchedRoot[]
  readonly #capabilities: CapabilitiesByRoot
  readonly #audit: AuditTrail
  readonly #onEvent: (event: SwitchEvent) => void
  /** What was on when it was last recorded, by path and capability. */
  readonly #recorded = new Set<string>()
  #file = NOTHING_ON
  #reading: Promise<void> = Promise.resolve()
  #watcher: StatWatcher | undefined

  constructor(
    source: SwitchSource,
    roots: readonly SwitchedRoot[],
    capabilities: CapabilitiesByRoot,
    audit: AuditTrail,
    onEvent: (event: SwitchEvent) => void,
  ) {
    this.#source = source
    this.#roots = roots
    this.#capabilities = capabilities
    this.#audit = audit
    this.#onEvent = onEvent
  }

  /**
   * Reads the file and watches it. Without a file nothing is on.
   * @throws {ConfigError} The file cannot be used; the message names every problem.
   */
  async open(): Promise<void> {
    if (typeof this.#source === 'function') return
    const { file } = this.#source
    const found = await this.#read(file)
    if (!('roots' in found)) throw new ConfigError(found)
    await this.#use(found)
    this.#watcher = watchFile(file, { interval: INTERVAL_MILLISECONDS }, () => void this.#readAgain(file)).unref()
  }

  /** Whether the practice and the capability are on. A change that a function shows is recorded first. */
  async isOn(root: SwitchedRoot, capability: string | undefined): Promise<boolean> {
    if (typeof this.#source !== 'function')
      return isOn(this.#file, root.path, undefined) && isOn(this.#file, root.path, capability)
    return (await this.#ask(this.#source, root, undefined)) && (await this.#ask(this.#source, root, capability))
  }

  async close(): Promise<void> {
    if (this.#watcher !== undefined && typeof this.#source !== 'function') unwatchFile(this.#source.file)
    await this.#reading
  }

  async #ask(source: SwitchFunction, root: SwitchedRoot, capability: string | undefined): Promise<boolean> {
    const on = (await source(root, capability)) === true
    await this.#record([[root, capability, on]], undefined)
    return on
  }

  #readAgain(file: string): Promise<void> {
    this.#reading = this.#reading.then(async () => {
      const found = await this.#read(file)
      if ('roots' in found) await this.#use(found)
      else this.#onEvent({ type: 'switches.refused', problems: found })
    })
    // The trail emits an event if it cannot store the change, which is then not made; nothing else can fail.
    this.#reading = this.#reading.catch(() => {})
    return this.#reading
  }

  async #read(file: string): Promise<SwitchFile | readonly string[]> {
    try {
      return parseSwitchFile(await readFile(file, 'utf8'), this.#capabilities)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      return code === 'ENOENT' ? NOTHING_ON : [`the file of switches cannot be read (${String(code)})`]
    }
  }

  async #use(found: SwitchFile): Promise<void> {
    const states = this.#roots.flatMap((root) =>
      [undefined, ...(this.#capabilities.get(root.path) ?? [])].map(
        (capability) =>
          [root, capability, isOn(found, root.path, undefined) && isOn(found, root.path, capability)] as const,
      ),
    )
    await this.#record(states, found.changedBy)
    this.#file = found
  }

  /** Stores a record for each state that has changed. */
  async #record(
    states: readonly (readonly [SwitchedRoot, capability: string | undefined, on: boolean])[],
    changedBy: string | undefined,
  ): Promise<void> {
    const changed = states.filter(([root, capability, on]) => this.#recorded.has(keyOf(root, capability)) !== on)
    if (changed.length === 0) return
    for (const one of changed) this.#note(...one)
    try {
      await Promise.all(
        changed.map(([{ path, asid }, capability, on]) =>
          this.#audit.append({
            ...entryWithoutRequest(Date.now(), { outcome: on ? 'enabled' : 'disabled', status: null, errorCode: null }),
            to: asid,
            userName: changedBy ?? null,
            dataId: capability === undefined ? path : `${path} ${capability}`,
          }),
        ),
      )
    } catch (error) {
      for (const [root, capability, on] of changed) this.#note(root, capability, !on)
      throw error
    }
    const on = changed.filter(([, , isNowOn]) => isNowOn).length
    this.#onEvent({ type: 'switches.changed', on, off: changed.length - on })
  }

  #note(root: SwitchedRoot, capability: string | undefined, on: boolean): void {
    if (on) this.#recorded.add(keyOf(root, capability))
    else this.#recorded.delete(keyOf(root, capability))
  }
}

function keyOf({ path }: SwitchedRoot, capability: string | undefined): string {
  return capability === undefined ? path : `${path} ${capability}`
}
