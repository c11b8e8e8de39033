/** Our tables, beside pg-boss's own: the submissions, their attempts and their files. */
import { type Database, SCHEMA } from './database.ts'

/**
 * Lets one process at a time do what several that start at once would do to each other: creating tables and queues.
 * The embedded store has one process only.
 */
export async function oneAtATime<T>(database: Database, work: () => Promise<T>): Promise<T> {
  if (database.kind === 'embedded') return await work()
  return await database.transaction(async (transaction) => {
    // The lock is held by a connection that does nothing else meanwhile.
    await transaction.query("SELECT set_config('idle_in_transaction_session_timeout', '0', true)", [])
    await transaction.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
    return await work()
  })
}

/** Brings the tables to the newest version. A migration is never changed once released; a new one is added. */
export async function migrate(database: Database): Promise<void> {
  await database.transaction(async (transaction) => {
    const [found] = await transaction.query<{ table: string | null }>(
      `SELECT to_regclass('${SCHEMA}.version') AS table`,
    )
    if (found?.table === null) {
      await transaction.query(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`)
      await transaction.query(`CREATE TABLE IF NOT EXISTS ${SCHEMA}.version (version int NOT NULL)`)
      await transaction.query(`INSERT INTO ${SCHEMA}.version VALUES (0)`)
    }
    const [row] = await transaction.query<{ version: number }>(`SELECT version FROM ${SCHEMA}.version`)
    // While a new version is rolled out, processes of the old one start on its tables: they must not turn the number back.
    const missing = MIGRATIONS.slice(row?.version)
    for (const migration of missing) await transaction.query(migration)
    if (missing.length > 0) await transaction.query(`UPDATE ${SCHEMA}.version SET version = $1`, [MIGRATIONS.length])
  })
}

// Any number that no other program would choose for its advisory lock.
const LOCK = 7_083_515_220

const MIGRATIONS = [
  `
  CREATE TABLE ${SCHEMA}.submission (
    id uuid PRIMARY KEY,                      -- UUIDv5 of form and submission_id
    form text NOT NULL,
    submission_id text NOT NULL,
    service_slug text NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead', 'discarded')),
    uncertain boolean NOT NULL DEFAULT false, -- the case system may have acted: confirm first (waiting), or ask a person (dead)
    code text,                                -- why it waits for a retry, is dead, or was discarded
    reason text,                              -- the same in words; names fields, never values
    reference text,                           -- the case system's id
    jwe text,                                 -- as the sender made it; erased with the files when both are swept
    files jsonb NOT NULL DEFAULT '[]',        -- captured files in the order of the submission
    attempts int NOT NULL DEFAULT 0,          -- since it was accepted
    retries int NOT NULL DEFAULT 0,           -- since it was accepted, replaced or redriven
    approved boolean NOT NULL DEFAULT false,  -- a person decided that it is to be handled, although it is uncertain
    traceparent text,
    received_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz
  );
  -- A compact JWE is random text: compressing it would cost time and save nothing.
  ALTER TABLE ${SCHEMA}.submission ALTER COLUMN jwe SET STORAGE EXTERNAL;
  CREATE INDEX submission_waiting ON ${SCHEMA}.submission (received_at) WHERE state = 'waiting';
  CREATE INDEX submission_dead ON ${SCHEMA}.submission (changed_at) WHERE state = 'dead';
  -- Rows arrive in the order of their time: a block range index costs next to nothing to keep.
  CREATE INDEX submission_received ON ${SCHEMA}.submission USING brin (received_at);

  CREATE TABLE ${SCHEMA}.attempt (
    submission uuid NOT NULL REFERENCES ${SCHEMA}.submission ON DELETE CASCADE,
    number int NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    acting_at timestamptz,                    -- from here on the case system may have acted
    ended_at timestamptz,                     -- absent: it runs, or its process died
    outcome text,                             -- delivered, failed, uncertain, dead, lost
    code text,
    reason text,
    PRIMARY KEY (submission, number)
  );

  CREATE TABLE ${SCHEMA}.attachment (
    id uuid PRIMARY KEY,
    submission uuid NOT NULL REFERENCES ${SCHEMA}.submission ON DELETE CASCADE
  );
  CREATE INDEX attachment_submission ON ${SCHEMA}.attachment (submission);

  -- Deliveries whose files could not be captured: after the third the submission is accepted without them.
  CREATE TABLE ${SCHEMA}.delivery (
    id uuid PRIMARY KEY,
    deliveries int NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL DEFAULT now()
  );

  -- What people did to submissions, for the record.
  CREATE TABLE ${SCHEMA}.action (
    submission uuid NOT NULL REFERENCES ${SCHEMA}.submission ON DELETE CASCADE,
    action text NOT NULL,
    by text NOT NULL,
    reason text,
    at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX action_submission ON ${SCHEMA}.action (submission);

  -- How many submissions ended, ever. Every process counts in a slot of its own choice, so that none waits for another.
  CREATE TABLE ${SCHEMA}.tally (
    outcome text NOT NULL,
    slot int NOT NULL,
    count bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (outcome, slot)
  );
  `,
  `
  -- What happened in each hour, for the operator's chart: counting the submissions themselves would read them all.
  CREATE TABLE ${SCHEMA}.hourly (
    hour timestamptz NOT NULL,
    outcome text NOT NULL,                    -- accepted, delivered, dead
    slot int NOT NULL,                        -- as in tally
    count bigint NOT NULL,
    PRIMARY KEY (hour, outcome, slot)
  );
  `,
]
