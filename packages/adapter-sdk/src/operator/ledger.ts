/** Shows submissions to operators, without answers, names or files, and does what they decide. */
import { AdapterError, ERRORS } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { Counts, DetailedEntry, Entry, Filter, WaitingForFiles } from '../store/entry.ts'
import type { Operating, Page } from '../store/store.ts'
import { storable } from '../store/text.ts'
import {
  type ActionName,
  type ActionRequest,
  carriedOut,
  cleaned,
  type Done,
  matchedBy,
  type OnRecord,
  type Plan,
  planned,
  STATE_OF,
} from './actions.ts'
import { everyMatch, type Found, search } from './search.ts'

/** What operators see of the store, and do with it. */
export class Ledger {
  readonly #store: Operating
  readonly #emit: Emit

  constructor(store: Operating, emit: Emit) {
    this.#store = store
    this.#emit = emit
  }

  /** Newest first. */
  async list(filter: Filter = {}): Promise<Entry[]> {
    const limit = Math.min(Math.max(filter.limit ?? 50, 1), 1000)
    return await this.#store.list(filter, { limit, offset: Math.max(Math.trunc(filter.offset ?? 0), 0) })
  }

  /** A page of what matches, and how many there are; where many may match, among the newest. `limit` 1 to 1000. */
  async search(filter: Filter, page: Page): Promise<Found> {
    return await search(this.#store, filter, page)
  }

  /** All that matches, newest first, a few at a time. */
  everyMatch(filter: Filter): AsyncGenerator<readonly Entry[]> {
    return everyMatch(this.#store, filter)
  }

  /** How many `list` would return without a limit. */
  async count(filter: Filter = {}): Promise<number> {
    return await this.#store.count(filter)
  }

  /** @throws {AdapterError} ERR_SUBMISSION_NOT_FOUND */
  async show(id: string): Promise<DetailedEntry> {
    const [entry] = await this.list({ id, limit: 1 })
    if (entry === undefined) throw new AdapterError('ERR_SUBMISSION_NOT_FOUND', 'no submission has this id')
    return { ...entry, timeline: await this.#store.history(entry.id) }
  }

  /**
   * Refuses a filter with a form, code or reason that nothing has or had: a typing error is no empty result.
   * @throws {AdapterError} ERR_FILTER_UNKNOWN: the message names those that are known.
   */
  async assertKnown({ form, code, reason }: Filter): Promise<void> {
    if (form === undefined && code === undefined && reason === undefined) return
    const { forms, codes, reasons } = await this.#store.mentioned(reason)
    for (const [what, value, known] of [
      ['form', form, forms],
      ['code', code, [...codes, ...Object.keys(ERRORS)]],
      ['reason', reason, reasons],
    ] as const) {
      if (value === undefined || known.includes(storable(value))) continue
      const shown = what === 'code' ? codes : known
      throw new AdapterError('ERR_FILTER_UNKNOWN', `no ${what} ${quoted(value)}; ${knownText(`${what}s`, shown)}`)
    }
  }

  /** How many submissions are in each state now. */
  async counts(): Promise<Counts> {
    return await this.#store.counts()
  }

  /** What is still with its sender because its files cannot be fetched, by host and code, most numerous first. */
  async waitingForFiles(): Promise<WaitingForFiles[]> {
    return await this.#store.waitingForFiles()
  }

  /**
   * What an action would do. Changes nothing.
   * @throws {AdapterError} ERR_SUBMISSION_NOT_FOUND, ERR_STATE_CONFLICT: the id given is in no state that allows it.
   */
  async plan(request: ActionRequest): Promise<Plan> {
    if (request.filter.id !== undefined) await this.#assertAllowed(request.action, request.filter)
    return await planned(this.#store, request)
  }

  /** What a plan is for, a few hundred at a time, up to its count. */
  async *matched(plan: Plan): AsyncGenerator<readonly Entry[]> {
    yield* matchedBy(this.#store, plan)
  }

  /**
   * Does what was planned, of what has not changed since. `signal` stops it between two batches; `onBatch` is called after
   * each with its size.
   * @throws {AdapterError} ERR_REASON_INVALID: a reason is needed, or is too long.
   */
  async carryOut(plan: Plan, record: OnRecord, signal?: AbortSignal, onBatch?: (count: number) => void): Promise<Done> {
    return await carriedOut(this.#store, this.#emit, plan, record, signal, onBatch)
  }

  /**
   * Puts dead letters back into the queue with all their retries, and returns how many. Uncertain ones are left out, unless
   * one is named by its id, or its form asks the case system first.
   * @throws {AdapterError} ERR_SUBMISSION_NOT_FOUND, ERR_STATE_CONFLICT: the id given is not a dead letter.
   * ERR_REASON_INVALID: an uncertain one needs a reason.
   */
  async redrive(filter: Filter, by: string, reason?: string): Promise<number> {
    return await this.#act('redrive', filter, by, reason)
  }

  /**
   * Ends dead letters, with a reason on record. They are never handled again; a repeat by the sender is a duplicate.
   * Uncertain ones are left out, unless one is named by its id.
   * @throws {AdapterError} ERR_SUBMISSION_NOT_FOUND, ERR_STATE_CONFLICT: the id given is not a dead letter.
   * ERR_REASON_INVALID: there is no reason.
   */
  async discard(filter: Filter, by: string, reason: string): Promise<number> {
    return await this.#act('discard', filter, by, reason)
  }

  /**
   * Makes what waits for a retry due now, an uncertain one no earlier than its outcome may be asked for.
   * @throws {AdapterError} ERR_SUBMISSION_NOT_FOUND, ERR_STATE_CONFLICT: the id given does not wait.
   * ERR_REASON_INVALID: an uncertain one needs a reason.
   */
  async retryNow(filter: Filter, by: string, reason?: string): Promise<number> {
    return await this.#act('retry-now', filter, by, reason)
  }

  async #act(action: ActionName, filter: Filter, by: string, reason: string | undefined): Promise<number> {
    const plan = await this.plan({ action, filter, isNamed: filter.id !== undefined })
    return (await this.carryOut(plan, { by, reason: reason ?? null })).count
  }

  async #assertAllowed(action: ActionName, { id, form }: Filter): Promise<void> {
    const found = await this.list({ id, form })
    if (found.length === 0) throw new AdapterError('ERR_SUBMISSION_NOT_FOUND', 'no submission has this id')
    if (found.some(({ state }) => state === STATE_OF[action])) return
    const wanted = action === 'retry-now' ? 'waiting' : 'a dead letter'
    throw new AdapterError('ERR_STATE_CONFLICT', `the submission is ${found[0]?.state}, not ${wanted}`)
  }
}

/** A word of a person, as one line of bounded length. */
export function quoted(text: string): string {
  return JSON.stringify(cleaned(text).slice(0, 100))
}

/** The known names, for a message about a mistake. */
export function knownText(what: string, known: readonly string[]): string {
  if (known.length === 0) return `the store has no ${what} yet`
  const shown = known.slice(0, 50).map((each) => cleaned(each).slice(0, 100))
  return `known ${what}: ${shown.join(what === 'reasons' ? '; ' : ', ')}`
}
