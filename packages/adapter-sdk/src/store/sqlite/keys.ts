/** What SQLite knows of the keys: when each was used, and what was encrypted with it. */
import type { KeyNeed, KeyUse, KeyUses } from '../store.ts'
import type { Prepare } from './tables.ts'

/** The salt of key ids, in hexadecimal. */
export function keySalt(prepare: Prepare): string {
  return Buffer.from(prepare('SELECT key_salt FROM version').get()?.['key_salt'] as Uint8Array).toString('hex')
}

/** Records uses of keys. Runs in a transaction. */
export function useKeys(prepare: Prepare, uses: readonly KeyUse[], now: number): void {
  for (const { form, keyId, what } of uses) {
    prepare(`
      INSERT INTO key_use (form, key_id, what, first_at, last_at) VALUES (:form, :keyId, :what, :now, :now)
      ON CONFLICT (form, key_id, what) DO UPDATE SET last_at = excluded.last_at`).run({ form, keyId, what, now })
  }
}

/** When each key was used first and last. */
export function keyUses(prepare: Prepare, now: number): KeyUses {
  const rows = prepare(
    'SELECT form, key_id, what, first_at, last_at FROM key_use ORDER BY form, key_id, what',
  ).all() as Record<string, string | number>[]
  const uses = rows.map(({ form, key_id, what, first_at, last_at }) => ({
    form: String(form),
    keyId: String(key_id),
    what: what as KeyUse['what'],
    firstAt: new Date(Number(first_at)),
    lastAt: new Date(Number(last_at)),
  }))
  return { now: new Date(now), uses }
}

/** How many submissions need each key. */
export function keyNeeds(prepare: Prepare): KeyNeed[] {
  return prepare(`
    SELECT form, key_id AS keyId, count(*) FILTER (WHERE state IN ('waiting', 'running')) AS waiting,
      count(*) FILTER (WHERE state = 'dead') AS dead, count(*) FILTER (WHERE state IN ('delivered', 'discarded')) AS kept
    FROM submission WHERE key_id IS NOT NULL AND erased_at IS NULL GROUP BY 1, 2 ORDER BY 1, 2`).all() as unknown as KeyNeed[]
}
