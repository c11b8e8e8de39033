/** The statements about keys: when each was used, and what was encrypted with it. */
import { time } from './accept.ts'
import type { Statement } from './pool.ts'
import { SCHEMA } from './tables.ts'

/** The salt of key ids, in hexadecimal. */
export const KEY_SALT: Statement = {
  name: 'key-salt',
  text: `SELECT replace(key_salt::text, '-', '') AS salt FROM ${SCHEMA}.version`,
}

/** `(uses, now)`: records uses of keys, in the order of the key, so that processes never wait for each other in a circle. */
export const USE_KEYS: Statement = {
  name: 'use-keys',
  text: `
  WITH moment AS MATERIALIZED (SELECT ${time('$2')} AS now)
  INSERT INTO ${SCHEMA}.key_use (form, key_id, what, first_at, last_at)
  SELECT form, "keyId", what, now, now
  FROM json_to_recordset($1::json) AS u (form text, "keyId" text, what text), moment ORDER BY form, "keyId", what
  ON CONFLICT (form, key_id, what) DO UPDATE SET last_at = excluded.last_at`,
}

/** `(now) -> (now, form, keyId, what, firstAt, lastAt)`: one row without a form where no key was used. */
export const KEY_USES: Statement = {
  name: 'key-uses',
  text: `
  SELECT ${time('$1')} AS now, u.form, u.key_id AS "keyId", u.what, u.first_at AS "firstAt", u.last_at AS "lastAt"
  FROM (SELECT 1) one LEFT JOIN ${SCHEMA}.key_use u ON true ORDER BY u.form, u.key_id, u.what`,
}

/** `-> (form, keyId, waiting, dead, kept)`: how many submissions need each key. */
export const KEY_NEEDS: Statement = {
  name: 'key-needs',
  text: `
  SELECT form, key_id AS "keyId", count(*) FILTER (WHERE state IN ('waiting', 'running'))::int AS waiting,
    count(*) FILTER (WHERE state = 'dead')::int AS dead,
    count(*) FILTER (WHERE state IN ('delivered', 'discarded'))::int AS kept
  FROM ${SCHEMA}.submission WHERE key_id IS NOT NULL AND erased_at IS NULL GROUP BY 1, 2 ORDER BY 1, 2`,
}
