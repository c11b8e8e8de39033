/** The statements of downloads and the sweep: owners of files, and what is forgotten. */
import { time } from './accept.ts'
import type { Statement } from './pool.ts'
import { SCHEMA } from './tables.ts'

/** `(file id) -> owner`. */
export const OWNER: Statement = {
  name: 'owner',
  text: `
  SELECT s.form, s.submission_id AS "submissionId", l.jwe, s.files
  FROM ${SCHEMA}.attachment a JOIN ${SCHEMA}.submission s ON s.id = a.submission
    LEFT JOIN ${SCHEMA}.letter l ON l.submission = s.id
  WHERE a.id = $1`,
}

const ago = (position: string, now: string) => `${time(now)} - ${position}::float8 * interval '1 second'`

/** `(seconds, most, now) -> (id, files)`: the ones that ended first. */
export const ERASABLE: Statement = {
  name: 'erasable',
  text: `
  SELECT s.id::text AS id, ARRAY(SELECT a.id::text FROM ${SCHEMA}.attachment a WHERE a.submission = s.id) AS files
  FROM ${SCHEMA}.submission s
  WHERE s.state IN ('delivered', 'discarded') AND s.erased_at IS NULL AND s.changed_at < ${ago('$1', '$3')}
  ORDER BY s.changed_at LIMIT $2`,
}

/** `(ids, now)`. */
export const ERASE: Statement = {
  name: 'erase',
  text: `
  WITH erased AS (
    UPDATE ${SCHEMA}.submission SET erased_at = ${time('$2')}
    WHERE id = ANY($1::uuid[]) AND state IN ('delivered', 'discarded') AND erased_at IS NULL RETURNING id
  ), letters AS (DELETE FROM ${SCHEMA}.letter WHERE submission IN (SELECT id FROM erased))
  DELETE FROM ${SCHEMA}.attachment WHERE submission IN (SELECT id FROM erased)`,
}

/**
 * `(ended, failed deliveries, hours, given up, most, now) -> how many of each`. Ages in seconds. Rows that another process
 * forgets at the same moment are left to it.
 */
export const FORGET: Statement = {
  name: 'forget',
  text: `
  WITH submissions AS (
    DELETE FROM ${SCHEMA}.submission WHERE id IN (
      SELECT id FROM ${SCHEMA}.submission
      WHERE state IN ('delivered', 'discarded') AND erased_at IS NOT NULL AND changed_at < ${ago('$1', '$6')}
      ORDER BY changed_at LIMIT $5 FOR UPDATE SKIP LOCKED) RETURNING id
  ), histories AS (DELETE FROM ${SCHEMA}.history WHERE submission IN (SELECT id FROM submissions)
  ), of_forms AS (
    -- What people did to forms is remembered for as long as what they did to submissions.
    DELETE FROM ${SCHEMA}.history WHERE seq IN (
      SELECT seq FROM ${SCHEMA}.history WHERE submission IS NULL AND at < ${ago('$1', '$6')}
      ORDER BY seq LIMIT $5 FOR UPDATE SKIP LOCKED)
  ), deliveries AS (
    DELETE FROM ${SCHEMA}.failed_delivery WHERE id IN (
      SELECT id FROM ${SCHEMA}.failed_delivery WHERE changed_at < ${ago('$2', '$6')}
      ORDER BY changed_at LIMIT $5 FOR UPDATE SKIP LOCKED) RETURNING id
  ), old_hours AS (
    DELETE FROM ${SCHEMA}.hourly WHERE (hour, form, what, slot) IN (
      SELECT hour, form, what, slot FROM ${SCHEMA}.hourly
      WHERE hour > to_timestamp(0) AND hour < ${ago('$3', '$6')}
      ORDER BY hour LIMIT $5 FOR UPDATE SKIP LOCKED) RETURNING form, what, count
  ), folded AS (
    INSERT INTO ${SCHEMA}.hourly (hour, form, what, slot, count)
    SELECT to_timestamp(0), form, what, 0, sum(count) FROM old_hours GROUP BY form, what ORDER BY form, what
    ON CONFLICT (hour, form, what, slot) DO UPDATE SET count = hourly.count + excluded.count
  ), given_up AS (
    DELETE FROM ${SCHEMA}.attachment WHERE id IN (
      SELECT id FROM ${SCHEMA}.attachment WHERE given_up_at IS NOT NULL AND given_up_at < ${ago('$4', '$6')}
      ORDER BY given_up_at LIMIT $5 FOR UPDATE SKIP LOCKED) RETURNING id
  )
  SELECT (SELECT count(*)::int FROM submissions) AS submissions,
    (SELECT count(*)::int FROM deliveries) AS "failedDeliveries",
    (SELECT count(*)::int FROM old_hours) AS hours, (SELECT count(*)::int FROM given_up) AS "givenUp"`,
}

/**
 * `(file ids, now) -> (id)`: those that have no owner, marked. Two statements would leave a gap: the one that marks a file
 * and the one that gives it an owner insert the same key.
 */
export const GIVE_UP: Statement = {
  name: 'give-up',
  text: `
  WITH marked AS (
    INSERT INTO ${SCHEMA}.attachment (id, given_up_at) SELECT id, ${time('$2')} FROM unnest($1::uuid[]) AS id ORDER BY id
    ON CONFLICT (id) DO NOTHING RETURNING id
  )
  SELECT id::text AS id FROM marked
  UNION SELECT id::text FROM ${SCHEMA}.attachment WHERE id = ANY($1::uuid[]) AND given_up_at IS NOT NULL`,
}

/** `(seconds, now) -> count`: dead letters that became one so long ago. */
export const OLD_DEAD_LETTERS: Statement = {
  name: 'old-dead-letters',
  text: `
  SELECT count(*)::int AS count FROM ${SCHEMA}.submission WHERE state = 'dead' AND changed_at < ${ago('$1', '$2')}`,
}
