/**
 * What is done for every submission, as functions of the database: each a single round trip and a transaction of its
 * own, and planned once for a connection instead of every time, which is most of what it would cost.
 */
import { createHash } from 'node:crypto'
import type { PgBoss } from 'pg-boss'
import { AdapterError } from '../errors.ts'
import { type Database, SCHEMA } from './database.ts'
import { countArrivals, countEndings } from './hours.ts'

/** The functions of one form, by name. */
export interface FormFunctions {
  /**
   * `(rows, count, slot) -> (id, outcome)`: takes in JSON rows of `RECORDSET`, all of this form; tells of those that were
   * not held already.
   */
  readonly accept: string
  /** `(most, loss_is) -> claims`: hands out waiting submissions, and begins an attempt of each. */
  readonly claim: string
  /** `(endings, tally_slot, hour_slot)`: ends attempts, JSON rows of `ENDINGS`, all of this form. */
  readonly settle: string
}

/** The functions that there are. */
export async function madeFunctions(database: Database): Promise<ReadonlySet<string>> {
  const found = await database.query<{ name: string }>(
    `SELECT proname AS name FROM pg_proc WHERE pronamespace = '${SCHEMA}'::regnamespace`,
  )
  return new Set(found.map(({ name }) => `${SCHEMA}.${name}`))
}

/**
 * Makes the functions of a form, unless they are among those that are `made`. Their names say what is in them, so that
 * processes of two versions can work side by side, each with its own. `notify`: the channel that is told when something waits.
 */
export async function defineFunctions(
  database: Database,
  boss: PgBoss,
  form: string,
  notify: string,
  made: ReadonlySet<string>,
): Promise<FormFunctions> {
  const statements = await queueStatements(boss, form)
  const define = async (name: string, signature: string, body: string) => {
    const definition = `${signature} LANGUAGE plpgsql ${PLANS} AS $function$
       #variable_conflict use_column
       ${body}
       $function$`
    const version = createHash('sha256').update(`${form}\0${definition}`).digest('hex').slice(0, 16)
    const named = `${SCHEMA}.${name}_${version}`
    if (!made.has(named)) await database.query(`CREATE OR REPLACE FUNCTION ${named}${definition}`)
    return named
  }
  return {
    accept: await define('accept', ACCEPT_SIGNATURE, accept(statements, form, notify)),
    claim: await define('claim', CLAIM_SIGNATURE, claim(statements)),
    settle: await define('settle', SETTLE_SIGNATURE, settle(statements)),
  }
}

// A plan may be made when the tables are empty, and used when they have a million rows. So rows are looked up by their
// primary key alone: no scan is allowed, no join of two tables is left to the planner, and a state that is compared with
// a variable keeps it from the partial indexes, whose rows are few only at the beginning.
const PLANS = ['seqscan', 'sort', 'hashjoin', 'mergejoin'].map((method) => `SET enable_${method} TO off`).join(' ')

/** pg-boss's own statements for a queue, with the places where values go. */
interface QueueStatements {
  /** `entries`: JSON. */
  insert(entries: string): string
  fetch(most: string): string
  /** One entry: of several, a plan that was made on an empty table may look through all there are. */
  remove(id: string): string
}

/** Asks pg-boss for its statements instead of repeating them: they change with its tables. */
async function queueStatements(boss: PgBoss, form: string): Promise<QueueStatements> {
  const asked = async (work: (db: { executeSql(text: string): Promise<{ rows: object[] }> }) => Promise<unknown>) => {
    let statement = ''
    await work({
      async executeSql(text) {
        statement = text
        return { rows: [{ count: '0', ids: [] }] }
      },
    })
    return (places: Readonly<Record<string, string>>) => {
      let filled = statement
      for (const [place, value] of Object.entries(places)) {
        if (!filled.includes(place)) throw new AdapterError('ERR_INTERNAL', `pg-boss has no ${place} in a statement`)
        filled = filled.replaceAll(place, () => value)
      }
      return filled
    }
  }
  const insert = await asked((db) => boss.insert(form, [{ id: SAMPLE_ID }], { db }))
  const fetch = await asked((db) => boss.fetch(form, { batchSize: SAMPLE_SIZE, db }))
  const remove = await asked((db) => boss.deleteJob(form, [SAMPLE_ID], { db }))
  return {
    insert: (entries) => insert({ '$1::text::json': `(${entries})` }),
    fetch: (most) => fetch({ [`LIMIT ${SAMPLE_SIZE}`]: `LIMIT ${most}` }),
    remove: (id) => remove({ '= ANY($2::uuid[])': `= ${id}`, $1: `'${form}'` }),
  }
}

const SAMPLE_ID = '00000000-0000-0000-0000-000000000000'
const SAMPLE_SIZE = 987_654_321

const COLUMNS = 'id, form, submission_id, service_slug, jwe, files, traceparent, code, reason'
const RECORDSET = `json_to_recordset($1::json) AS r (id uuid, form text, submission_id text, service_slug text,
  jwe text, files jsonb, traceparent text, code text, reason text)`

const ACCEPT_SIGNATURE = '(rows text, count int, slot int) RETURNS TABLE (id uuid, outcome text)'

/** Files go with their submission; what waits goes into the queue. */
function holding(written: string, statements: QueueStatements): string {
  return `attached AS (
      INSERT INTO ${SCHEMA}.attachment (id, submission)
      SELECT (file->>'id')::uuid, w.id FROM ${written} w, jsonb_array_elements(w.files) file WHERE file ? 'id'
    ), queued AS (
      ${statements.insert(`SELECT COALESCE(json_agg(json_build_object('id', id)), '[]') FROM ${written} WHERE state = 'waiting'`)}
    )`
}

// A dead letter whose outcome is known may be replaced by a new copy; everything else is acknowledged and left alone.
function accept(statements: QueueStatements, form: string, notify: string): string {
  return `
  DECLARE
    taken uuid[];
    replaced uuid[] := '{}';
    copy record;
    dead CONSTANT text := 'dead';
  BEGIN
    WITH inserted AS (
      INSERT INTO ${SCHEMA}.submission (${COLUMNS}, state)
      SELECT ${COLUMNS}, CASE WHEN code IS NULL THEN 'waiting' ELSE 'dead' END FROM ${RECORDSET}
      ORDER BY id -- replicas that write the same submissions at once must lock them in one order
      ON CONFLICT (id) DO NOTHING RETURNING submission.id, state, files
    ), ${countArrivals('inserted', '$3')}, ${holding('inserted', statements)}
    SELECT COALESCE(array_agg(id), '{}') INTO taken FROM inserted;
    RETURN QUERY SELECT unnest(taken), 'accepted';

    IF cardinality(taken) < $2 THEN
      FOR copy IN SELECT * FROM ${RECORDSET} WHERE NOT (id = ANY(taken)) ORDER BY id LOOP
        UPDATE ${SCHEMA}.submission SET jwe = copy.jwe, files = copy.files, service_slug = copy.service_slug,
          state = CASE WHEN copy.code IS NULL THEN 'waiting' ELSE 'dead' END, code = copy.code, reason = copy.reason,
          retries = 0, due_at = NULL, changed_at = now(), traceparent = copy.traceparent
        WHERE submission.id = copy.id AND state = dead AND NOT submission.uncertain;
        IF FOUND THEN replaced := replaced || copy.id; END IF;
      END LOOP;
      -- The files of the old copy belong to nobody now; the sweep takes them.
      DELETE FROM ${SCHEMA}.attachment WHERE submission = ANY(replaced);
      RETURN QUERY WITH changed AS (
        SELECT id, state, files FROM ${SCHEMA}.submission WHERE id = ANY(replaced)
      ), ${holding('changed', statements)}
      SELECT id, 'replaced' FROM changed;
    END IF;
    IF cardinality(taken) + cardinality(replaced) > 0 THEN PERFORM pg_notify('${notify}', '${form}'); END IF;
  END`
}

const CLAIM_SIGNATURE = `(most int, loss_is text) RETURNS TABLE (id uuid, form text, "submissionId" text, jwe text,
  files jsonb, attempt int, "attemptsSinceRedrive" int, uncertain boolean, approved boolean, "receivedAt" timestamptz,
  "previousReference" text, traceparent text)`

// An attempt that never ended was lost with its process. What that means is written down in the same statement, so that a
// second crash does not forget it.
function claim(statements: QueueStatements): string {
  return `
  DECLARE
    entries uuid[];
    entry uuid;
    claimed int;
    removed record;
    waiting CONSTANT text := 'waiting';
  BEGIN
    -- It joins two tables: planned every time, for what is in them then.
    EXECUTE $fetch$ WITH fetched AS (${statements.fetch('$1')}) SELECT array_agg(id) FROM fetched $fetch$
      INTO entries USING $1;
    IF entries IS NULL THEN RETURN; END IF;

    RETURN QUERY WITH before AS (
      SELECT id, approved FROM ${SCHEMA}.submission WHERE id = ANY(entries) AND state = waiting ORDER BY id FOR UPDATE
    ), lost AS (
      UPDATE ${SCHEMA}.attempt SET ended_at = now(), outcome = 'lost', code = 'ERR_ATTEMPT_LOST'
      WHERE submission = ANY(ARRAY(SELECT id FROM before)) AND ended_at IS NULL
      RETURNING submission, CASE $2 WHEN 'uncertain' THEN true WHEN 'uncertain-if-acting' THEN acting_at IS NOT NULL ELSE false END AS uncertain
    ), claimed AS (
      UPDATE ${SCHEMA}.submission SET attempts = attempts + 1, retries = retries + 1, due_at = NULL, approved = false,
        uncertain = submission.uncertain OR EXISTS (SELECT 1 FROM lost WHERE lost.submission = submission.id AND lost.uncertain)
      FROM before WHERE submission.id = before.id
      RETURNING submission.*, before.approved AS was_approved
    ), started AS (
      INSERT INTO ${SCHEMA}.attempt (submission, number) SELECT id, attempts FROM claimed
    )
    SELECT id, form, submission_id, jwe, files, attempts, retries, uncertain, was_approved, received_at, reference, traceparent
    FROM claimed;
    GET DIAGNOSTICS claimed = ROW_COUNT;

    IF claimed < cardinality(entries) THEN
      -- Delivered or ended meanwhile (a late attempt of a process that was thought dead): nothing is left to do.
      FOR entry IN
        SELECT unnest(entries) EXCEPT SELECT id FROM ${SCHEMA}.submission WHERE id = ANY(entries) AND state = waiting
      LOOP
        ${statements.remove('entry')} INTO removed;
      END LOOP;
    END IF;
  END`
}

const SETTLE_SIGNATURE = '(endings text, tally_slot int, hour_slot int) RETURNS void'
const ENDINGS = `json_to_recordset($1::json) AS e (id uuid, number int, outcome text, state text, uncertain boolean,
  code text, reason text, reference text, delay_seconds float8)`

// One ending counts for each submission: that of the attempt that is open, or a success from whichever attempt it comes,
// even a late one of a dead letter, because the case exists. An attempt that was given to another process meanwhile is
// not open any more.
function settle(statements: QueueStatements): string {
  return `
  DECLARE
    ending record;
    delivered int := 0;
    died int := 0;
    again jsonb := '[]';
    removed record;
    waiting CONSTANT text := 'waiting';
    dead CONSTANT text := 'dead';
  BEGIN
    FOR ending IN SELECT * FROM ${ENDINGS} ORDER BY outcome = 'delivered' DESC, id LOOP
      UPDATE ${SCHEMA}.attempt SET ended_at = now(), outcome = ending.outcome, code = ending.code, reason = ending.reason
      WHERE submission = ending.id AND attempt.number = ending.number AND ended_at IS NULL;
      CONTINUE WHEN NOT FOUND AND ending.outcome <> 'delivered';

      ${statements.remove('ending.id')} INTO removed;
      UPDATE ${SCHEMA}.submission SET state = ending.state, uncertain = ending.uncertain, code = ending.code,
        reason = ending.reason, reference = COALESCE(ending.reference, submission.reference), changed_at = now(),
        due_at = now() + ending.delay_seconds * interval '1 second'
      WHERE id = ending.id AND (submission.state = waiting OR (submission.state = dead AND ending.outcome = 'delivered'));
      CONTINUE WHEN NOT FOUND;

      CASE ending.outcome
        WHEN 'delivered' THEN delivered := delivered + 1;
        WHEN 'dead' THEN died := died + 1;
        WHEN 'retry' THEN again := again || jsonb_build_object('id', ending.id, 'startAfter', ending.delay_seconds);
      END CASE;
    END LOOP;

    IF delivered > 0 THEN
      INSERT INTO ${SCHEMA}.tally (outcome, slot, count) VALUES ('delivered', $2, delivered)
      ON CONFLICT (outcome, slot) DO UPDATE SET count = tally.count + excluded.count;
    END IF;
    IF delivered + died > 0 THEN
      ${countEndings({ slot: '$3', delivered: 'delivered', dead: 'died' })};
    END IF;
    IF again <> '[]' THEN
      ${statements.insert('again::text::json')};
    END IF;
  END`
}
