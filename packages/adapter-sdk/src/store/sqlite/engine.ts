/** One connection to SQLite with the methods of a store, as a thread runs them. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import * as receiver from './accept.ts'
import * as forms from './forms.ts'
import * as keys from './keys.ts'
import * as ledger from './ledger.ts'
import * as processes from './processes.ts'
import * as queue from './queue.ts'
import * as sweep from './sweep.ts'
import { inTransaction, type OpenFile, openDatabase, type Prepare } from './tables.ts'

/** What a thread is started with. */
export interface EngineOptions extends OpenFile {
  readonly horizonSeconds: number
}

/** Methods by name. Arguments and results are plain data; the first argument is the time in milliseconds. */
export type Engine = ReturnType<typeof openEngine>

/** Opens the database and returns its methods. */
export function openEngine(sqlite: typeof import('node:sqlite'), options: EngineOptions) {
  const database = openDatabase(sqlite, options)
  const prepare = prepared(database)
  const slot = Math.floor(Math.random() * 16)
  const { horizonSeconds } = options
  const write = <T>(work: () => T): T => inTransaction(database, work)
  type After<F> = F extends (prepare: Prepare, ...rest: infer Rest) => unknown ? Rest : never
  type First<F> = After<F>[0]

  return {
    accept: (now: number, submissions: First<typeof receiver.accept>) =>
      write(() => receiver.accept(prepare, submissions, slot, now)),
    isHeld: (_now: number, id: string) => receiver.isHeld(prepare, id),
    countFailedDelivery: (now: number, failed: First<typeof receiver.countFailedDelivery>) =>
      write(() => receiver.countFailedDelivery(prepare, failed, now)),

    turn: (now: number, turn: First<typeof queue.turn>) =>
      write(() => queue.turn(prepare, turn, horizonSeconds, slot, now)),
    overdue: (now: number) => queue.overdue(prepare, horizonSeconds, now),
    endLost: (now: number, lost: First<typeof queue.endLost>) => write(() => queue.endLost(prepare, lost, slot, now)),
    acting: (now: number, claims: First<typeof queue.acting>) => write(() => queue.acting(prepare, claims, now)),
    renew: (now: number, claims: First<typeof queue.renew>, leaseSeconds: number) =>
      write(() => queue.renew(prepare, claims, leaseSeconds, now)),
    release: (_now: number, claims: First<typeof queue.release>) => write(() => queue.release(prepare, claims)),

    list: (_now: number, filter: First<typeof ledger.list>, page: After<typeof ledger.list>[1]) =>
      ledger.list(prepare, filter, page),
    count: (_now: number, filter: First<typeof ledger.countOf>, most?: number) => ledger.countOf(prepare, filter, most),
    receivedBehind: (_now: number, newer: number, before: Date | undefined) =>
      ledger.receivedBehind(prepare, newer, before),
    scan: (_now: number, filter: First<typeof ledger.scan>, step: After<typeof ledger.scan>[1]) =>
      ledger.scan(prepare, filter, step),
    detail: (_now: number, id: string) => ledger.detail(prepare, id),
    recordForms: (_now: number, known: First<typeof forms.recordForms>) =>
      write(() => forms.recordForms(prepare, known)),
    forms: (_now: number) => forms.forms(prepare),
    pause: (now: number, form: string, by: string, reason: string) =>
      write(() => forms.pause(prepare, form, by, reason, now)),
    resume: (now: number, form: string, by: string, reason: string | null) =>
      write(() => forms.resume(prepare, form, by, reason, now)),
    mentioned: (_now: number, reason?: string) => ledger.mentioned(prepare, reason),
    walk: (
      _now: number,
      state: First<typeof ledger.walk>,
      filter: After<typeof ledger.walk>[1],
      step: After<typeof ledger.walk>[2],
    ) => ledger.walk(prepare, state, filter, step),
    history: (_now: number, id: string) => ledger.history(prepare, id),
    counts: (now: number) => ledger.counts(prepare, now),
    deadGroups: (_now: number) => ledger.deadGroups(prepare),
    deadReasons: (_now: number, most: number) => ledger.deadReasons(prepare, most),
    waitingForFiles: (now: number) => ledger.waitingForFiles(prepare, now),
    hours: (now: number, count: number, form?: string) => ledger.hours(prepare, count, form, now),
    refusals: (now: number, hours: number) => processes.refusals(prepare, hours, now),
    processes: (now: number) => processes.processes(prepare, now),
    checkIn: (now: number, own: First<typeof processes.checkIn>, since: After<typeof processes.checkIn>[1]) =>
      write(() => processes.checkIn(prepare, own, since, slot, now)),
    checkOut: (_now: number, id: string) => write(() => processes.checkOut(prepare, id)),
    actions: (_now: number, page: First<typeof ledger.actions>) => ledger.actions(prepare, page),
    act: (
      now: number,
      kind: After<typeof ledger.act>[0],
      chosen: After<typeof ledger.act>[1],
      by: string,
      reason: string | null,
    ) => write(() => ledger.act(prepare, kind, chosen, by, reason, now)),

    ownerOf: (_now: number, fileId: string) => sweep.ownerOf(prepare, fileId),
    erasable: (now: number, endedSeconds: number, most: number) => sweep.erasable(prepare, endedSeconds, most, now),
    erase: (now: number, ids: readonly string[]) => write(() => sweep.erase(prepare, ids, now)),
    forget: (now: number, ages: First<typeof sweep.forget>, most: number) =>
      write(() => sweep.forget(prepare, ages, most, now)),
    oldDeadLetters: (now: number, seconds: number) => sweep.oldDeadLetters(prepare, seconds, now),
    giveUp: (now: number, fileIds: readonly string[]) => write(() => sweep.giveUp(prepare, fileIds, now)),

    keySalt: (_now: number) => keys.keySalt(prepare),
    useKeys: (now: number, uses: First<typeof keys.useKeys>) => write(() => keys.useKeys(prepare, uses, now)),
    keyUses: (now: number) => keys.keyUses(prepare, now),
    keyNeeds: (_now: number) => keys.keyNeeds(prepare),

    check: (_now: number) => write(() => void prepare('UPDATE version SET version = version').run()),
    close: (_now: number) => database.close(),
  }
}

/** Statements are prepared once, by their text. */
function prepared(database: DatabaseSync): Prepare {
  const statements = new Map<string, StatementSync>()
  return (text) => {
    let statement = statements.get(text)
    if (statement === undefined) {
      statement = database.prepare(text)
      statements.set(text, statement)
    }
    return statement
  }
}
