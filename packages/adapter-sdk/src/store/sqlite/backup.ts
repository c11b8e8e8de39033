/** Copies and checks of the database, and what has to be done with a restored copy. For commands: they block the thread. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { storable } from '../text.ts'
import { inUse, isBusy, isDamage, openFailure, prepareFolder } from './folder.ts'
import { inTransaction, openDatabase } from './tables.ts'

/**
 * Looks for damage; takes seconds for gigabytes. Returns what is wrong, in SQLite's words, which name tables and indexes.
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE: there is no store, or it is too damaged to be read.
 */
export async function quickCheck(dataDir: string): Promise<string[]> {
  return await withDatabase(dataDir, true, (database) => problems(database, 'quick_check'))
}

/** Looks for damage, in every index too; takes several times as long as `quickCheck`, and returns and throws the same. */
export async function integrityCheck(dataDir: string): Promise<string[]> {
  return await withDatabase(dataDir, true, (database) => problems(database, 'integrity_check'))
}

function problems(database: DatabaseSync, check: 'quick_check' | 'integrity_check'): string[] {
  try {
    const found = database.prepare(`PRAGMA ${check}`).all()
    return found.map((row) => String(row[check])).filter((text) => text !== 'ok')
  } catch (error) {
    // Damage may keep the check itself from ending.
    if (isDamage(error)) return [(error as Error).message]
    throw error
  }
}

/**
 * Copies the database into a file, which only its owner can read, while adapters work on it. Returns the time of which the
 * copy holds everything. When it resolves, the file survives a crash; when it rejects, an older file of that name is as it was.
 * An adapter refuses to start on the copy until `liftRestoreMark` has run.
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE, or the error of SQLite or Node: the disk is full, or the folder is missing.
 */
export async function backupInto(dataDir: string, file: string, now: () => Date = () => new Date()): Promise<Date> {
  const part = `${file}.part`
  return await withDatabase(dataDir, true, (database, sqlite) => {
    rmSync(part, { force: true })
    closeSync(openSync(part, 'wx', 0o600))
    try {
      const takenAt = now()
      // A copy by pages would start afresh after each write of another process, and never end under load.
      database.prepare('VACUUM INTO ?').run(part)
      const copy = new sqlite.DatabaseSync(part)
      try {
        copy.prepare('UPDATE version SET backup_taken_at = ?').run(takenAt.getTime())
      } finally {
        copy.close()
      }
      sync(part)
      renameSync(part, file)
      if (process.platform !== 'win32') sync(dirname(file))
      return takenAt
    } catch (error) {
      rmSync(part, { force: true })
      throw error
    }
  })
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** When the backup was taken that the store was restored from; undefined: it was not, or the mark was lifted. */
export async function restoreMark(dataDir: string): Promise<Date | undefined> {
  return await withDatabase(dataDir, true, (database) => {
    const takenAt = database.prepare('SELECT backup_taken_at FROM version').get()?.['backup_taken_at']
    return typeof takenAt === 'number' ? new Date(takenAt) : undefined
  })
}

/**
 * Marks every submission that is not delivered or discarded as uncertain, on record, and then lets adapters start. What is
 * delivered after a backup waits in the backup: none of it may be handed out before the case system, or a person, was asked.
 * Returns how many were marked. May be cut short, and run again.
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE: there is no store, it cannot be used, or another process is using it.
 */
export async function liftRestoreMark(
  dataDir: string,
  by: string,
  reason: string,
  now: () => Date = () => new Date(),
): Promise<number> {
  await assertAlone(dataDir)
  return await withDatabase(dataDir, false, (database) => {
    const rows = database.prepare(UNDELIVERED).all()
    let marked = 0
    for (let start = 0; start < rows.length; start += BATCH) {
      const batch = rows.slice(start, start + BATCH).map((each) => each['row'] as number)
      marked += inTransaction(database, () =>
        markUncertain(database, batch, storable(by, 200), storable(reason), now()),
      )
    }
    inTransaction(database, () => database.exec('UPDATE version SET backup_taken_at = NULL'))
    return marked
  })
}

/** An adapter that is running would deliver what is about to be marked. */
async function assertAlone(dataDir: string): Promise<void> {
  const { DatabaseSync } = await import('node:sqlite')
  const database = new DatabaseSync(prepareFolder(dataDir, false).database, { timeout: 0 })
  try {
    // Exclusive is what no two connections can be, whether or not one of them is reading or writing.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; ROLLBACK')
  } catch (error) {
    throw isBusy(error) ? inUse() : openFailure(error, dataDir)
  } finally {
    database.close()
  }
}

const BATCH = 500

// Each condition is that of an index: what has ended is not read.
const UNDELIVERED = [
  "state = 'waiting' AND losses = 0",
  "state = 'waiting' AND losses > 0",
  "state = 'running'",
  "state = 'dead'",
]
  .map((condition) => `SELECT row FROM submission WHERE ${condition}`)
  .join(' UNION ALL ')

function markUncertain(database: DatabaseSync, rows: readonly number[], by: string, reason: string, now: Date): number {
  // An approval was given for what was known then.
  const mark = database.prepare(`
    UPDATE submission SET uncertain = 1, approved = 0, revision = revision + 1
    WHERE row = ? AND state IN ('waiting', 'running', 'dead') AND (NOT uncertain OR approved)`)
  const note = database.prepare(
    "INSERT INTO history (row, at, what, by, reason) VALUES (?, ?, 'marked uncertain', ?, ?)",
  )
  return rows.filter((row) => mark.run(row).changes === 1).map((row) => note.run(row, now.getTime(), by, reason)).length
}

type Sqlite = typeof import('node:sqlite')

async function withDatabase<T>(
  dataDir: string,
  isReader: boolean,
  work: (database: DatabaseSync, sqlite: Sqlite) => T,
): Promise<T> {
  // Loaded here: older versions of Node, which are refused by name, have no such module.
  const sqlite = await import('node:sqlite')
  const { database: path } = prepareFolder(dataDir, false)
  let database: DatabaseSync
  try {
    database = openDatabase(sqlite, { path, isReader, migrate: false })
  } catch (error) {
    throw openFailure(error, dataDir)
  }
  try {
    return work(database, sqlite)
  } finally {
    database.close()
  }
}
