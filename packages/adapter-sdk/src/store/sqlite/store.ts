/** The store in one SQLite file: a writer and a reader thread, and a folder of files beside it. */

import { setTimeout as pause } from 'node:timers/promises'
import { AdapterError } from '../../errors.ts'
import type { FileStore } from '../../files/file-store.ts'
import { folderStore } from '../../files/folder.ts'
import type { Claim } from '../claim.ts'
import type { Filter } from '../entry.ts'
import type {
  Chosen,
  ClaimRef,
  FailedDelivery,
  KeyUse,
  KnownForm,
  Moved,
  OpenOptions,
  Page,
  Store,
  Turn,
} from '../store.ts'
import type { Incoming } from '../submission.ts'
import { type Asked, startThread } from './asked.ts'
import { isBusy, openFailure, prepareFolder } from './folder.ts'

/**
 * Opens the store in a folder, which is made if it is missing and `migrate` is set.
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE: there is no store, or it cannot be used; the message says what to do.
 */
export async function openSqlite(folder: string, options: OpenOptions): Promise<Store> {
  const place = prepareFolder(folder, options.migrate)
  const { horizonSeconds, migrate } = options
  const [writer, reader] = [startThread('store writer'), startThread('store reader')]
  try {
    await writer.open({ path: place.database, isReader: false, migrate, horizonSeconds })
    // A reader cannot open what the writer has not made.
    await reader.open({ path: place.database, isReader: true, migrate: false, horizonSeconds })
    return new SqliteStore(writer, reader, folderStore(place.files), options)
  } catch (error) {
    await Promise.all([reader.close(), writer.close()])
    throw openFailure(error, folder)
  }
}

/** An empty store in memory, for tests: one thread, since another would see another database. */
export async function openMemory(files: FileStore, options: OpenOptions): Promise<Store> {
  const thread = startThread('store', true)
  await thread.open({ path: ':memory:', isReader: false, migrate: true, horizonSeconds: options.horizonSeconds })
  return new SqliteStore(thread, thread, files, options)
}

class SqliteStore implements Store {
  readonly kind = 'sqlite'
  readonly files: FileStore
  readonly lost: Promise<Error>
  readonly #writer: Asked
  readonly #reader: Asked
  readonly #now: () => number
  readonly #busyMilliseconds: number
  readonly #wakes = new Set<() => void>()

  constructor(writer: Asked, reader: Asked, files: FileStore, { now, busySeconds = 0 }: OpenOptions) {
    this.#writer = writer
    this.#reader = reader
    this.files = files
    this.lost = Promise.race([writer.lost, reader.lost])
    this.#busyMilliseconds = busySeconds * 1000
    this.#now = now === undefined ? Date.now : () => now().getTime()
  }

  async accept(submissions: readonly Incoming[]) {
    try {
      const accepted = await this.#writer.ask('accept', this.#now(), submissions)
      this.#wake()
      return accepted
    } catch (cause) {
      if (!isGivenUp(cause)) throw cause
      throw new AdapterError('ERR_STORE_UNAVAILABLE', 'a file was given up while it was captured', {
        cause,
        retryable: true,
      })
    }
  }

  isHeld(id: string) {
    // By the writer: it has seen every commit of this process.
    return this.#writer.ask('isHeld', this.#now(), id)
  }

  countFailedDelivery(failed: FailedDelivery) {
    return this.#writer.ask('countFailedDelivery', this.#now(), failed)
  }

  turn(turn: Turn) {
    return this.#writer.ask('turn', this.#now(), turn)
  }

  overdue() {
    return this.#reader.ask('overdue', this.#now())
  }

  endLost(lost: Parameters<Store['endLost']>[0]) {
    return this.#writer.ask('endLost', this.#now(), lost)
  }

  acting(claims: readonly ClaimRef[]) {
    return this.#writer.ask('acting', this.#now(), claims)
  }

  renew(claims: readonly ClaimRef[], leaseSeconds: number) {
    return this.#writer.ask('renew', this.#now(), claims, leaseSeconds)
  }

  async release(claims: readonly Claim[]) {
    await this.#writer.ask('release', this.#now(), claims)
    this.#wake()
  }

  async onDue(wake: () => void) {
    this.#wakes.add(wake)
    return { close: async () => void this.#wakes.delete(wake) }
  }

  list(filter: Filter, page: Page) {
    return this.#reader.ask('list', this.#now(), filter, page)
  }

  count(filter: Filter, most?: number) {
    return this.#reader.ask('count', this.#now(), filter, most)
  }

  receivedBehind(newer: number, before?: Date) {
    return this.#reader.ask('receivedBehind', this.#now(), newer, before)
  }

  scan(...[filter, step]: Parameters<Store['scan']>) {
    return this.#reader.ask('scan', this.#now(), filter, step)
  }

  detail(id: string) {
    return this.#reader.ask('detail', this.#now(), id)
  }

  recordForms(forms: readonly KnownForm[]) {
    return this.#writer.ask('recordForms', this.#now(), forms)
  }

  forms() {
    return this.#reader.ask('forms', this.#now())
  }

  pause(...[form, by, reason]: Parameters<Store['pause']>) {
    return this.#decide(() => this.#writer.ask('pause', this.#now(), form, by, reason))
  }

  async resume(...[form, by, reason]: Parameters<Store['resume']>) {
    const resumed = await this.#decide(() => this.#writer.ask('resume', this.#now(), form, by, reason))
    this.#wake()
    return resumed
  }

  mentioned(reason?: string) {
    return this.#reader.ask('mentioned', this.#now(), reason)
  }

  walk(...[state, filter, step]: Parameters<Store['walk']>) {
    return this.#reader.ask('walk', this.#now(), state, filter, step)
  }

  history(id: string) {
    return this.#reader.ask('history', this.#now(), id)
  }

  counts() {
    return this.#reader.ask('counts', this.#now())
  }

  deadGroups() {
    return this.#reader.ask('deadGroups', this.#now())
  }

  deadReasons(most: number) {
    return this.#reader.ask('deadReasons', this.#now(), most)
  }

  waitingForFiles() {
    return this.#reader.ask('waitingForFiles', this.#now())
  }

  hours(count: number, form?: string) {
    return this.#reader.ask('hours', this.#now(), count, form)
  }

  refusals(hours: number) {
    return this.#reader.ask('refusals', this.#now(), hours)
  }

  processes() {
    return this.#reader.ask('processes', this.#now())
  }

  checkIn(...[own, since]: Parameters<Store['checkIn']>) {
    return this.#writer.ask('checkIn', this.#now(), own, since)
  }

  checkOut(id: string) {
    return this.#writer.ask('checkOut', this.#now(), id)
  }

  actions(page: Page) {
    return this.#reader.ask('actions', this.#now(), page)
  }

  redrive(...[chosen, by, reason, approved = true]: Parameters<Store['redrive']>) {
    return this.#act(approved ? 'redrive' : 'redriveUnapproved', chosen, by, reason)
  }

  discard(...[chosen, by, reason]: Parameters<Store['discard']>) {
    return this.#act('discard', chosen, by, reason)
  }

  retryNow(...[chosen, by, reason]: Parameters<Store['retryNow']>) {
    return this.#act('retryNow', chosen, by, reason)
  }

  ownerOf(fileId: string) {
    return this.#reader.ask('ownerOf', this.#now(), fileId)
  }

  erasable(...[endedSeconds, most]: Parameters<Store['erasable']>) {
    return this.#reader.ask('erasable', this.#now(), endedSeconds, most)
  }

  erase(ids: readonly string[]) {
    return this.#writer.ask('erase', this.#now(), ids)
  }

  forget(...[ages, most]: Parameters<Store['forget']>) {
    return this.#writer.ask('forget', this.#now(), ages, most)
  }

  giveUp(fileIds: readonly string[]) {
    return this.#writer.ask('giveUp', this.#now(), fileIds)
  }

  oldDeadLetters(seconds: number) {
    return this.#reader.ask('oldDeadLetters', this.#now(), seconds)
  }

  keySalt() {
    return this.#reader.ask('keySalt', this.#now())
  }

  useKeys(uses: readonly KeyUse[]) {
    return this.#writer.ask('useKeys', this.#now(), uses)
  }

  keyUses() {
    return this.#reader.ask('keyUses', this.#now())
  }

  keyNeeds() {
    return this.#reader.ask('keyNeeds', this.#now())
  }

  check() {
    return this.#writer.ask('check', this.#now())
  }

  async close() {
    await this.#reader.close()
    await this.#writer.close()
  }

  async #act(kind: Action, chosen: Chosen, by: string, reason: string | null): Promise<Moved[]> {
    const moved = await this.#decide(() => this.#writer.ask('act', this.#now(), kind, chosen, by, reason))
    if (moved.length > 0) this.#wake()
    return moved
  }

  /** An action of a person. It waits its turn: a busy store is asked again, after a pause of another length each time. */
  async #decide<T>(ask: () => Promise<T>): Promise<T> {
    const latest = performance.now() + this.#busyMilliseconds
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        if (!isBusy(error)) throw error
        if (performance.now() > latest) {
          throw new AdapterError('ERR_STORE_UNAVAILABLE', 'the store is busy: other processes write to it; try again', {
            cause: error,
            retryable: true,
          })
        }
        await pause(Math.random() * MOST_PAUSE_MILLISECONDS)
      }
    }
  }

  #wake(): void {
    for (const wake of this.#wakes) wake()
  }
}

type Action = 'redrive' | 'redriveUnapproved' | 'discard' | 'retryNow'

const MOST_PAUSE_MILLISECONDS = 200

/** A file of the batch has a row already: only one that was given up has. */
function isGivenUp(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('UNIQUE constraint failed: attachment.id')
}
