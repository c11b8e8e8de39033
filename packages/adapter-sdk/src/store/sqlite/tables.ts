/** The tables in SQLite, their version, and how a file is opened. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'

/** The version of the tables that this code works with. */
export const VERSION = 1

/**
 * Each entry brings the tables one version further. One that was released is never changed; a new one is added. Times are
 * milliseconds since 1970, booleans 0 or 1, ids the 16 bytes of a UUID. `row` stands for a submission in the other tables:
 * it is shorter than its id.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE submission (
    row INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,                    -- UUIDv5 of form and submission_id
    form TEXT NOT NULL,
    submission_id TEXT NOT NULL,
    service_slug TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'delivered', 'dead', 'discarded')),
    due_at INTEGER,                             -- waiting: may be handed out from here on; running: the lease ends
    settles_at INTEGER,                         -- uncertain: the case system is not asked before
    attempts INTEGER NOT NULL DEFAULT 0,        -- ever
    attempts_since_redrive INTEGER NOT NULL DEFAULT 0,
    losses INTEGER NOT NULL DEFAULT 0,          -- of those: lost with their process
    acting INTEGER NOT NULL DEFAULT 0,          -- running: the case system may have acted
    uncertain INTEGER NOT NULL DEFAULT 0,       -- an earlier attempt may have reached the case system
    approved INTEGER NOT NULL DEFAULT 0,        -- a person decided that it is to be handled, although it is uncertain
    code TEXT,                                  -- why it waits for a retry, or is dead
    reason TEXT,                                -- the same in words: names fields, never values
    reference TEXT,                             -- the case system's id
    traceparent TEXT,
    key_id TEXT,                                -- id of the key that opened it
    files TEXT NOT NULL DEFAULT '[]',           -- in the order of the submission
    revision INTEGER NOT NULL DEFAULT 0,        -- raised by every change
    received_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    erased_at INTEGER                           -- ended: the JWE and the files are gone
  ) STRICT;
  CREATE INDEX submission_due ON submission (form, due_at) WHERE state = 'waiting' AND losses = 0;
  CREATE INDEX submission_suspect ON submission (form, due_at) WHERE state = 'waiting' AND losses > 0;
  CREATE INDEX submission_running ON submission (due_at) WHERE state = 'running';
  CREATE INDEX submission_dead ON submission (changed_at) WHERE state = 'dead';
  CREATE INDEX submission_ended ON submission (changed_at) WHERE state IN ('delivered', 'discarded') AND erased_at IS NULL;
  CREATE INDEX submission_erased ON submission (changed_at)
    WHERE state IN ('delivered', 'discarded') AND erased_at IS NOT NULL;
  CREATE INDEX submission_received ON submission (received_at);
  CREATE INDEX submission_reference ON submission (reference) WHERE reference IS NOT NULL;
  CREATE INDEX submission_submission_id ON submission (submission_id);

  -- A table of its own, so that a change of state does not write 2 KB anew.
  CREATE TABLE letter (row INTEGER PRIMARY KEY, jwe TEXT NOT NULL) STRICT;

  CREATE TABLE history (
    seq INTEGER PRIMARY KEY,
    row INTEGER,                                -- null: it happened to a form
    form TEXT,                                  -- only where it happened to a form
    at INTEGER NOT NULL,
    what TEXT NOT NULL,
    attempt INTEGER,
    code TEXT,
    reason TEXT,
    by TEXT                                     -- a person, as claimed
  ) STRICT;
  CREATE INDEX history_row ON history (row);
  CREATE INDEX history_action ON history (seq) WHERE by IS NOT NULL;

  CREATE TABLE attachment (
    id BLOB PRIMARY KEY,
    row INTEGER,                                -- null: given up, nobody may have it any more
    given_up_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX attachment_row ON attachment (row) WHERE row IS NOT NULL;
  CREATE INDEX attachment_given_up ON attachment (given_up_at) WHERE given_up_at IS NOT NULL;

  -- Deliveries of the sender whose files could not be captured.
  CREATE TABLE failed_delivery (
    id BLOB PRIMARY KEY,
    form TEXT NOT NULL,
    submission_id TEXT NOT NULL,
    host TEXT,
    code TEXT NOT NULL,
    count INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX failed_delivery_first ON failed_delivery (first_at);
  CREATE INDEX failed_delivery_changed ON failed_delivery (changed_at);

  -- What happened in each hour. Old hours are added to the hour 0: what happened ever.
  CREATE TABLE hourly (
    hour INTEGER NOT NULL,
    form TEXT NOT NULL,
    what TEXT NOT NULL,                         -- accepted, delivered, dead
    slot INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (hour, form, what, slot)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE form (
    name TEXT PRIMARY KEY,
    paused_at INTEGER,
    paused_by TEXT,
    paused_reason TEXT,
    last_delivered_at INTEGER,
    failures_in_a_row INTEGER NOT NULL DEFAULT 0,
    last_failed_at INTEGER,
    last_failure_code TEXT,
    asks_first INTEGER NOT NULL DEFAULT 0       -- it has confirm: uncertain ones are asked for before they are handled
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE process (
    id BLOB PRIMARY KEY,
    role TEXT NOT NULL,
    version TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE key_use (
    form TEXT NOT NULL,
    key_id TEXT NOT NULL,
    what TEXT NOT NULL CHECK (what IN ('receive', 'deliver')),
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (form, key_id, what)
  ) STRICT, WITHOUT ROWID;
  `,
]

/** Statements by their text, prepared once. */
export type Prepare = (text: string) => StatementSync

/** How a file is opened. */
export interface OpenFile {
  readonly path: string
  readonly isReader: boolean
  readonly migrate: boolean
  /** Those of another version of the program, for tests. */
  readonly migrations?: readonly string[]
}

/** Codes of the errors of opening; the message is a version or a time. */
export const NO_TABLES = 'ERR_STORE_UNUSED'
export const OTHER_VERSION = 'ERR_STORE_VERSION'
export const FROM_BACKUP = 'ERR_STORE_FROM_BACKUP'

/**
 * Opens a database with the settings that every write depends on.
 * @throws {Error} with one of the codes above, or the error of SQLite.
 */
export function openDatabase(
  sqlite: typeof import('node:sqlite'),
  { path, isReader, migrate, migrations = MIGRATIONS }: OpenFile,
): DatabaseSync {
  const database = new sqlite.DatabaseSync(path, { readOnly: isReader, timeout: BUSY_MILLISECONDS })
  try {
    if (!isReader) {
      // Each commit is on the disk when it returns. The log is copied into the file every 1000 pages.
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000')
      database.exec('PRAGMA journal_size_limit = 67108864')
      if (migrate) migrateTables(database, migrations)
    }
    database.exec('PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384')
    assertVersion(database, migrations.length)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function assertVersion(database: DatabaseSync, wanted: number): void {
  const found = version(database)
  if (found === wanted) return
  throw Object.assign(new Error(String(found)), { code: found === 0 ? NO_TABLES : OTHER_VERSION })
}

/** A copy may be older than what was delivered: nothing of it is handed out before a person has said when it was taken. */
function assertNoCopy(database: DatabaseSync): void {
  const takenAt = database.prepare('SELECT backup_taken_at FROM version').get()?.['backup_taken_at']
  if (typeof takenAt !== 'number') return
  throw Object.assign(new Error(new Date(takenAt).toISOString()), { code: FROM_BACKUP })
}

/** Brings the tables to the newest version. A newer version is left as it is. */
function migrateTables(database: DatabaseSync, migrations: readonly string[]): void {
  inTransaction(database, () => {
    // The salt of key ids is made with the only row.
    database.exec(`CREATE TABLE IF NOT EXISTS version (
      version INTEGER NOT NULL, backup_taken_at INTEGER, key_salt BLOB NOT NULL DEFAULT (randomblob(16))) STRICT`)
    database.exec('INSERT INTO version (version) SELECT 0 WHERE NOT EXISTS (SELECT * FROM version)')
    const found = version(database)
    assertNoCopy(database)
    const missing = migrations.slice(found)
    for (const migration of missing) database.exec(migration)
    if (missing.length > 0) database.prepare('UPDATE version SET version = ?').run(migrations.length)
  })
}

function version(database: DatabaseSync): number {
  const { found } = database.prepare("SELECT count(*) AS found FROM sqlite_schema WHERE name = 'version'").get() as {
    found: number
  }
  if (found === 0) return 0
  return Number(database.prepare('SELECT version FROM version').get()?.['version'] ?? 0)
}

/**
 * Commits when `work` returns, rolls back when it throws. It starts as a write: a transaction that starts with a read and
 * then writes fails at once when another process has written in between.
 */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    // A full disk rolls back by itself.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** Longest wait for another process that writes: well under a third of a lease. */
const BUSY_MILLISECONDS = 5000

/** The 16 bytes of a UUID. */
export function bytesOf(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex')
}

/** A UUID of its 16 bytes. */
export function uuidOf(bytes: unknown): string {
  const hex = Buffer.from(bytes as Uint8Array).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
