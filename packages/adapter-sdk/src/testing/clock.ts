/** The store of an adapter under test: in memory, with a clock that tests put forward. */
import { BLOCK_BYTES, type FileStore, notFound } from '../files/file-store.ts'
import { type Database, SCHEMA } from '../store/database.ts'
import { openEmbedded } from '../store/embedded.ts'
import { WAITING_CHANNEL } from '../store/pg-boss.ts'

/** A clock that a test can put forward. */
export class TestClock {
  #aheadMilliseconds = 0

  /** How far it is ahead of the real time, in milliseconds. */
  get aheadMilliseconds(): number {
    return this.#aheadMilliseconds
  }

  /** Like `Date.now()`. */
  now(): number {
    return Date.now() + this.#aheadMilliseconds
  }

  advance(seconds: number): void {
    this.#aheadMilliseconds += seconds * 1000
  }
}

/**
 * An empty store in memory. Starting one takes a second or more, so the last one that was closed is emptied and reused by
 * the next adapter in the process.
 */
export async function openMemoryDatabase(): Promise<Database> {
  const database = spare ?? (await openEmbedded(undefined))
  spare = undefined
  return {
    ...database,
    async close() {
      if (spare !== undefined) return await database.close()
      try {
        await empty(database)
        spare = database
      } catch {
        await database.close()
      }
    },
  }
}

let spare: Database | undefined

/** Captured files in memory. */
export function memoryFiles(clock: TestClock): FileStore {
  const files = new Map<string, { readonly beganAt: number; readonly content: Buffer }>()
  return {
    async write(id, source) {
      const beganAt = clock.now()
      const chunks: Buffer[] = []
      for await (const chunk of source) chunks.push(Buffer.from(chunk))
      files.set(id, { beganAt, content: Buffer.concat(chunks) })
    },
    async *read(id) {
      const file = files.get(id)
      if (file === undefined) throw notFound()
      for (let at = 0; at < file.content.byteLength; at += BLOCK_BYTES) {
        yield file.content.subarray(at, at + BLOCK_BYTES)
      }
    },
    async remove(ids) {
      for (const id of ids) files.delete(id)
    },
    async *list(olderThan) {
      const latest = olderThan.getTime() + clock.aheadMilliseconds
      for (const [id, { beganAt }] of files) if (beganAt < latest) yield id
    },
  }
}

/**
 * Lets time pass for everything that is stored, by moving its times into the past. What becomes due is handed out at once.
 * A running attempt does not count as lost.
 */
export async function age(database: Database, seconds: number, forms: readonly string[]): Promise<void> {
  const values = [seconds]
  await database.transaction(async (transaction) => {
    for (const [table, columns] of Object.entries(TIMES)) {
      const moved = columns.map((column) => `${column} = ${column} - $1 * interval '1 second'`)
      await transaction.query(`UPDATE ${table} SET ${moved.join(', ')}`, values)
    }
    // The hour is part of the key. Moving all rows far into the past first avoids collisions between old and new hours.
    await transaction.query(`UPDATE ${SCHEMA}.hourly SET hour = hour - interval '1000 years'`)
    await transaction.query(
      `UPDATE ${SCHEMA}.hourly SET hour = hour + interval '1000 years' - $1 * interval '1 second'`,
      values,
    )
    await transaction.query(
      `UPDATE formbuilder_queue.job SET start_after = start_after - $1 * interval '1 second' WHERE state <> 'active'`,
      values,
    )
    for (const form of forms) await transaction.query('SELECT pg_notify($1, $2)', [WAITING_CHANNEL, form])
  })
}

const TIMES = {
  [`${SCHEMA}.submission`]: ['received_at', 'changed_at', 'due_at'],
  [`${SCHEMA}.attempt`]: ['started_at', 'acting_at', 'ended_at'],
  [`${SCHEMA}.delivery`]: ['changed_at'],
  [`${SCHEMA}.action`]: ['at'],
}

/** Removes every row except the versions of the tables. */
async function empty(database: Database): Promise<void> {
  const tables = await database.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
     WHERE schemaname IN ('${SCHEMA}', 'formbuilder_queue') AND tablename <> 'version'`,
  )
  await database.query(`TRUNCATE ${tables.map(({ name }) => name).join(', ')}`)
}
