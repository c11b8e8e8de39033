/** The sweep: erases files and answers some time after the case was made, forgets submissions later, and removes files without an owner. */

import type { Emit } from '../events.ts'
import type { FileStore } from '../files/file-store.ts'
import { SCHEMA } from '../store/database.ts'
import { type QueueStore, queueEntry } from '../store/pg-boss.ts'

export interface SweepOptions {
  readonly store: QueueStore
  readonly files: FileStore
  /** How many days files and answers are kept after the submission was delivered or discarded. */
  readonly attachmentKeepDays: number
  /** How many days the submission itself is remembered, at least as long as its files. Dead letters are never removed. */
  readonly keepDays: number
  readonly emit: Emit
  readonly now?: () => Date
}

/** Sweeps once. Several processes may sweep at the same time, and a sweep may be interrupted anywhere. */
export async function sweep(options: SweepOptions): Promise<void> {
  const now = (options.now ?? (() => new Date()))()
  const before = (days: number) => new Date(now.getTime() - days * DAY_MILLISECONDS)
  const { database, boss } = options.store
  const { files } = options

  // Bytes are removed before the rows that name their owner: after a crash in between, the next sweep finds the rows.
  const old = await database.query<{ id: string }>(
    `SELECT a.id FROM ${SCHEMA}.attachment a JOIN ${SCHEMA}.submission s ON s.id = a.submission
     WHERE s.state IN ('delivered', 'discarded') AND s.changed_at < $1`,
    [before(options.attachmentKeepDays)],
  )
  let swept = await remove(old.map(({ id }) => id))
  await database.query(
    `UPDATE ${SCHEMA}.submission SET jwe = NULL
     WHERE state IN ('delivered', 'discarded') AND changed_at < $1 AND jwe IS NOT NULL`,
    [before(options.attachmentKeepDays)],
  )

  const orphans: string[] = []
  for await (const id of files.list(before(ORPHAN_DAYS))) orphans.push(id)
  const owned = await database.query<{ id: string }>(`SELECT id FROM ${SCHEMA}.attachment WHERE id = ANY($1::uuid[])`, [
    orphans,
  ])
  const kept = new Set(owned.map(({ id }) => id))
  swept += await remove(orphans.filter((id) => !kept.has(id)))

  const forgotten = await database.query(
    `DELETE FROM ${SCHEMA}.submission WHERE state IN ('delivered', 'discarded') AND changed_at < $1 RETURNING id`,
    [before(Math.max(options.keepDays, options.attachmentKeepDays))],
  )
  await database.query(`DELETE FROM ${SCHEMA}.delivery WHERE changed_at < $1`, [before(options.keepDays)])
  await database.query(`DELETE FROM ${SCHEMA}.hourly WHERE hour < $1`, [before(options.keepDays)])
  const [dead] = await database.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM ${SCHEMA}.submission WHERE state = 'dead' AND changed_at < $1`,
    [before(options.keepDays)],
  )

  // A waiting submission and its entry in the queue are written together. If the entry is missing anyway, it is restored.
  const strays = await database.query<{ id: string; form: string }>(
    `SELECT id, form FROM ${SCHEMA}.submission s WHERE state = 'waiting' AND changed_at < $1
     AND NOT EXISTS (SELECT 1 FROM formbuilder_queue.job j WHERE j.name = s.form AND j.id = s.id)`,
    [before(ORPHAN_DAYS)],
  )
  for (const { id, form } of strays) await boss.insert(form, [queueEntry(id)])

  options.emit({ event: 'store.swept', submissions: forgotten.length, files: swept, oldDeadLetters: dead?.count ?? 0 })

  async function remove(ids: readonly string[]): Promise<number> {
    if (ids.length === 0) return 0
    await files.remove(ids)
    await database.query(`DELETE FROM ${SCHEMA}.attachment WHERE id = ANY($1::uuid[])`, [ids])
    return ids.length
  }
}

/** Sweeps now and then every hour, one run at a time. `onFailure`: called when a run failed. */
export function startSweeping(
  run: () => Promise<void>,
  onFailure: (error: unknown) => void,
): { stop(): Promise<void> } {
  let isStopped = false
  let timer: NodeJS.Timeout | undefined
  async function turn(): Promise<void> {
    await run().catch(onFailure)
    if (isStopped) return
    timer = setTimeout(() => {
      running = turn()
    }, SWEEP_MILLISECONDS)
  }
  let running = turn()
  return {
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await running
    },
  }
}

const SWEEP_MILLISECONDS = 3_600_000
const DAY_MILLISECONDS = 86_400_000
/** Longer than any capture takes: a file without an owner after a day will never get one. */
const ORPHAN_DAYS = 1
