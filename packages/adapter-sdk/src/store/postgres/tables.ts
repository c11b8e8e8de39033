/** The tables in PostgreSQL, their version, and how a start brings them to it. */
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import { AdapterError } from '../../errors.ts'

/** Name of the schema with the tables. */
export const SCHEMA = 'formbuilder'

/** Name of the schema with captured files. */
export const FILE_SCHEMA = 'formbuilder_files'

/** The version of the tables that this code works with. */
export const VERSION = 1

/**
 * Each entry brings the tables one version further. One that was released is never changed; a new one is added. It must
 * leave the tables usable for processes of the version before, which work on, and are started, while a new version is
 * rolled out: it may add tables, indexes and columns that are null or have a default. What is no longer used is removed
 * by a later version.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE ${SCHEMA}.submission (
    id uuid PRIMARY KEY,                        -- UUIDv5 of form and submission_id
    form text NOT NULL,
    submission_id text COLLATE "C" NOT NULL,    -- "C": so that a beginning can be looked up by the index
    service_slug text NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'running', 'delivered', 'dead', 'discarded')),
    due_at timestamptz,                         -- waiting: may be handed out from here on; running: the lease ends
    settles_at timestamptz,                     -- uncertain: the case system is not asked before
    attempts int NOT NULL DEFAULT 0,            -- ever
    attempts_since_redrive int NOT NULL DEFAULT 0,
    losses int NOT NULL DEFAULT 0,              -- of those: lost with their process
    acting boolean NOT NULL DEFAULT false,      -- running: the case system may have acted
    uncertain boolean NOT NULL DEFAULT false,   -- an earlier attempt may have reached the case system
    approved boolean NOT NULL DEFAULT false,    -- a person decided that it is to be handled, although it is uncertain
    code text,                                  -- why it waits for a retry, or is dead
    reason text,                                -- the same in words: names fields, never values
    reference text,                             -- the case system's id
    traceparent text,
    key_id text,                                -- id of the key that opened it
    files jsonb NOT NULL DEFAULT '[]',          -- in the order of the submission
    revision int NOT NULL DEFAULT 0,            -- raised by every change
    received_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    erased_at timestamptz                       -- ended: the JWE and the files are gone
  ) WITH (fillfactor = 80);                     -- a change of state stays on its page
  CREATE INDEX submission_due ON ${SCHEMA}.submission (form, due_at) WHERE state = 'waiting' AND losses = 0;
  CREATE INDEX submission_suspect ON ${SCHEMA}.submission (form, due_at) WHERE state = 'waiting' AND losses > 0;
  CREATE INDEX submission_running ON ${SCHEMA}.submission (due_at) WHERE state = 'running';
  CREATE INDEX submission_dead ON ${SCHEMA}.submission (changed_at) WHERE state = 'dead';
  CREATE INDEX submission_ended ON ${SCHEMA}.submission (changed_at)
    WHERE state IN ('delivered', 'discarded') AND erased_at IS NULL;
  CREATE INDEX submission_erased ON ${SCHEMA}.submission (changed_at)
    WHERE state IN ('delivered', 'discarded') AND erased_at IS NOT NULL;
  CREATE INDEX submission_received ON ${SCHEMA}.submission (received_at);
  CREATE INDEX submission_reference ON ${SCHEMA}.submission (reference) WHERE reference IS NOT NULL;
  CREATE INDEX submission_submission_id ON ${SCHEMA}.submission (submission_id);

  -- A table of its own, so that a change of state does not write 2 KB anew. Ciphertext does not get smaller: trying costs
  -- time and saves nothing.
  CREATE TABLE ${SCHEMA}.letter (
    submission uuid PRIMARY KEY,
    jwe text NOT NULL
  );
  ALTER TABLE ${SCHEMA}.letter ALTER COLUMN jwe SET STORAGE EXTERNAL;

  CREATE TABLE ${SCHEMA}.history (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    submission uuid,                            -- null: it happened to a form
    form text,                                  -- only where it happened to a form
    at timestamptz NOT NULL,
    what text NOT NULL,
    attempt int,
    code text,
    reason text,
    by text                                     -- a person, as claimed
  );
  CREATE INDEX history_submission ON ${SCHEMA}.history (submission);
  CREATE INDEX history_action ON ${SCHEMA}.history (seq) WHERE by IS NOT NULL;

  CREATE TABLE ${SCHEMA}.attachment (
    id uuid PRIMARY KEY,
    submission uuid,                            -- null: given up, nobody may have it any more
    given_up_at timestamptz
  );
  CREATE INDEX attachment_submission ON ${SCHEMA}.attachment (submission) WHERE submission IS NOT NULL;
  CREATE INDEX attachment_given_up ON ${SCHEMA}.attachment (given_up_at) WHERE given_up_at IS NOT NULL;

  -- Deliveries of the sender whose files could not be captured.
  CREATE TABLE ${SCHEMA}.failed_delivery (
    id uuid PRIMARY KEY,
    form text NOT NULL,
    submission_id text NOT NULL,
    host text,
    code text NOT NULL,
    count int NOT NULL,
    first_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
  );
  CREATE INDEX failed_delivery_first ON ${SCHEMA}.failed_delivery (first_at);
  CREATE INDEX failed_delivery_changed ON ${SCHEMA}.failed_delivery (changed_at);

  -- What happened in each hour. Every process counts in a slot of its own choice, so that none waits for another. Old
  -- hours are added to the hour 0: what happened ever.
  CREATE TABLE ${SCHEMA}.hourly (
    hour timestamptz NOT NULL,
    form text NOT NULL,
    what text NOT NULL,                         -- accepted, delivered, dead
    slot int NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (hour, form, what, slot)
  );

  CREATE TABLE ${SCHEMA}.form (
    name text PRIMARY KEY,
    paused_at timestamptz,
    paused_by text,
    paused_reason text,
    last_delivered_at timestamptz,
    failures_in_a_row int NOT NULL DEFAULT 0,
    last_failed_at timestamptz,
    last_failure_code text,
    asks_first boolean NOT NULL DEFAULT false   -- it has confirm: uncertain ones are asked for before they are handled
  );

  CREATE TABLE ${SCHEMA}.process (
    id uuid PRIMARY KEY,
    role text NOT NULL,
    version text NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL
  );

  CREATE TABLE ${SCHEMA}.key_use (
    form text NOT NULL,
    key_id text NOT NULL,
    what text NOT NULL CHECK (what IN ('receive', 'deliver')),
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (form, key_id, what)
  );
  `,
]

/** Brings the tables to the newest version; several processes may start at once. A newer version is left as it is. */
export async function migrate(client: pg.ClientBase, migrations: readonly string[] = MIGRATIONS): Promise<void> {
  // Waiting for another process that migrates may take longer than a statement.
  await client.query('SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0')
  for (let turn = 1; ; turn += 1) {
    try {
      return await inTransaction(client, () => migrateTables(client, migrations))
    } catch (error) {
      if (!isLocked(error) || turn === MOST_TURNS) throw error
      await pause(PAUSE_MILLISECONDS)
    }
  }
}

async function migrateTables(client: pg.ClientBase, migrations: readonly string[]): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
  const found = (await version(client)) ?? 0
  const missing = migrations.slice(found)
  if (found === 0) {
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`)
    await client.query(
      // The salt of key ids is made with the only row.
      `CREATE TABLE ${SCHEMA}.version (
         version int NOT NULL, backup_taken_at timestamptz, key_salt uuid NOT NULL DEFAULT gen_random_uuid());
       INSERT INTO ${SCHEMA}.version (version) VALUES (0)`,
    )
  }
  // What waits for a table holds up everybody who wants it later: rather give up, and come back.
  await client.query(`SET LOCAL lock_timeout = '${LOCKED_MILLISECONDS}ms'`)
  for (const migration of missing) await client.query(migration)
  if (missing.length > 0) await client.query(`UPDATE ${SCHEMA}.version SET version = $1`, [migrations.length])
}

async function inTransaction(client: pg.ClientBase, work: () => Promise<void>): Promise<void> {
  // Read committed: what another process did while this one waited for the lock is seen.
  await client.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
  try {
    await work()
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  }
}

/** Whether others work on the tables: the lock was not to be had in time, or they wait for each other. */
function isLocked(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === '55P03' || error.code === '40P01')
}

/** Together longer than any statement of a process may take. */
const MOST_TURNS = 60
const LOCKED_MILLISECONDS = 1000
const PAUSE_MILLISECONDS = 500

/** The version of the tables; undefined when there are none. */
export async function version(client: pg.ClientBase | pg.Pool): Promise<number | undefined> {
  const { rows } = await client.query<{ made: boolean }>(`SELECT to_regclass('${SCHEMA}.version') IS NOT NULL AS made`)
  if (!rows[0]?.made) return undefined
  const found = await client.query<{ version: number }>(`SELECT version FROM ${SCHEMA}.version`)
  return found.rows[0]?.version
}

/** @throws {AdapterError} ERR_STORE_UNAVAILABLE: the tables are of another version than this code, or there are none. */
export async function assertVersion(client: pg.ClientBase | pg.Pool): Promise<void> {
  assertWorksWith(await version(client), [VERSION])
}

/**
 * A start works on tables that are one version newer, too: while a new version is rolled out, and after it is rolled back,
 * processes of the version before are started on them. What they do not know they leave alone.
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE: the tables are of any other version.
 */
export async function assertStartable(client: pg.ClientBase | pg.Pool): Promise<void> {
  assertWorksWith(await version(client), [VERSION, VERSION + 1])
}

function assertWorksWith(found: number | undefined, versions: readonly number[]): void {
  if (found !== undefined && versions.includes(found)) return
  throw new AdapterError(
    'ERR_STORE_UNAVAILABLE',
    found === undefined
      ? 'no adapter has used this database; check DATABASE_URL, or start an adapter first'
      : `the database has tables of version ${found}, and this program works with version ${VERSION}: use the version of the running adapter`,
  )
}

// Any number that no other program would choose for its advisory lock.
const LOCK = 7_083_515_220
