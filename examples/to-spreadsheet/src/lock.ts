/** A lock that one process has at a time, and that the system takes back when the process dies. */
import { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'

/** Runs `action` with the lock: a lock of SQLite on the empty database `file`. Waits for it until `signal` aborts. */
export async function withLock<T>(file: string, signal: AbortSignal, action: () => Promise<T>): Promise<T> {
  const database = new DatabaseSync(file)
  try {
    while (!hasLocked(database)) await setTimeout(RETRY_MILLISECONDS, undefined, { signal })
    return await action()
  } finally {
    database.close()
  }
}

function hasLocked(database: DatabaseSync): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return false
    throw error
  }
}

const SQLITE_BUSY = 5
const RETRY_MILLISECONDS = 20
