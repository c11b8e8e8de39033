/** What SQLite knows of forms: which there are, which are paused, and how handing over their submissions goes. */
import type { FormState } from '../entry.ts'
import type { KnownForm, Paused } from '../store.ts'
import { storable, storableOrNull } from '../text.ts'
import type { Prepare } from './tables.ts'

/** Records the forms of an adapter. Runs in a transaction. */
export function recordForms(prepare: Prepare, forms: readonly KnownForm[]): void {
  for (const { name, asksFirst } of forms) {
    prepare(`INSERT INTO form (name, asks_first) VALUES (?, ?)
      ON CONFLICT (name) DO UPDATE SET asks_first = excluded.asks_first WHERE asks_first <> excluded.asks_first`).run(
      name,
      asksFirst ? 1 : 0,
    )
  }
}

/** By name. */
export function forms(prepare: Prepare): FormState[] {
  const rows = prepare('SELECT * FROM form ORDER BY name').all()
  const iso = (value: unknown) => (value === null ? null : new Date(Number(value)).toISOString())
  return rows.map((row) => ({
    name: String(row['name']),
    asksFirst: row['asks_first'] === 1,
    paused:
      row['paused_at'] === null
        ? null
        : {
            at: iso(row['paused_at']) as string,
            by: String(row['paused_by']),
            reason: String(row['paused_reason']),
          },
    lastDeliveredAt: iso(row['last_delivered_at']),
    failuresInARow: Number(row['failures_in_a_row']),
    lastFailure:
      row['last_failed_at'] === null
        ? null
        : { at: iso(row['last_failed_at']) as string, code: String(row['last_failure_code']) },
  }))
}

/** Nothing of the form is claimed any more. Runs in a transaction. */
export function pause(prepare: Prepare, form: string, by: string, reason: string, now: number): Paused {
  const { changes } = prepare(`
    UPDATE form SET paused_at = ?, paused_by = ?, paused_reason = ? WHERE name = ? AND paused_at IS NULL`).run(
    now,
    storable(by, 200),
    storable(reason),
    storable(form),
  )
  return changed(prepare, Number(changes), { form, what: 'paused', by, reason, now })
}

/** What is due of the form is claimed again. Runs in a transaction. */
export function resume(prepare: Prepare, form: string, by: string, reason: string | null, now: number): Paused {
  const { changes } = prepare(`
    UPDATE form SET paused_at = NULL, paused_by = NULL, paused_reason = NULL
    WHERE name = ? AND paused_at IS NOT NULL`).run(storable(form))
  return changed(prepare, Number(changes), { form, what: 'resumed', by, reason, now })
}

interface Change {
  readonly form: string
  readonly what: 'paused' | 'resumed'
  readonly by: string
  readonly reason: string | null
  readonly now: number
}

function changed(prepare: Prepare, changes: number, { form, what, by, reason, now }: Change): Paused {
  if (changes === 0) {
    const isKnown = prepare('SELECT 1 FROM form WHERE name = ?').get(storable(form)) !== undefined
    return isKnown ? 'already' : 'unknown'
  }
  prepare('INSERT INTO history (form, at, what, by, reason) VALUES (?, ?, ?, ?, ?)').run(
    form,
    now,
    what,
    storable(by, 200),
    storableOrNull(reason),
  )
  return 'done'
}
