/** What each key is needed for, and when an old one can be removed: the rule of docs/operations.md, from what the store knows. */
import type { KeyIds } from '../store/key-id.ts'
import type { KeyNeed, KeyUse, KeyUses } from '../store/store.ts'

/** How many days an old key stays after the sender's publication that carries the new one. */
export const OLD_KEY_DAYS = 28

/** A key of a form, without the key. Times are ISO 8601, by the store's clock. */
export interface KeyReport {
  readonly form: string
  /** 0: the current one; null: the settings no longer have it. */
  readonly position: number | null
  readonly lastReceivedAt: string | null
  readonly lastDeliveredAt: string | null
  /** Submissions that were encrypted with it: waiting or running, dead letters, and ended ones that are not erased yet. */
  readonly neededBy: { readonly waiting: number; readonly dead: number; readonly kept: number }
  /**
   * `current`: it stays. `unpublished`: nothing has come with a newer key yet. `early`: the 28 days are not over. `needed`: they
   * are, and something is held that needs it. `safe`: it can be removed. `removed`: the settings no longer have it; `missing`:
   * neither, and something needs it.
   */
  readonly state: 'current' | 'unpublished' | 'early' | 'needed' | 'safe' | 'removed' | 'missing'
  /** `early`, `needed` and `safe`: when the 28 days are over. */
  readonly safeFrom: string | null
}

/** Every key of the settings, by form and position, then those that only the store knows. */
export function keyReports(ids: KeyIds, { now, uses }: KeyUses, needs: readonly KeyNeed[]): KeyReport[] {
  const forms = new Set([...Object.keys(ids), ...uses.map(({ form }) => form), ...needs.map(({ form }) => form)])
  return [...forms].toSorted().flatMap((form) => {
    const ofForm = { uses: uses.filter((use) => use.form === form), needs: needs.filter((need) => need.form === form) }
    // A key that is listed twice counts where it is newest.
    const listed = [...new Set(ids[form] ?? [])]
    const known = new Set([...ofForm.uses, ...ofForm.needs].map(({ keyId }) => keyId))
    const unlisted = [...known].filter((id) => !listed.includes(id))
    return [
      ...listed.map((id, i) => report(form, (ids[form] ?? []).indexOf(id), id, listed.slice(0, i), ofForm, now)),
      ...unlisted.map((id) => report(form, null, id, [], ofForm, now)),
    ]
  })
}

function report(
  form: string,
  position: number | null,
  id: string,
  newer: readonly string[],
  { uses, needs }: Pick<KeyUses, 'uses'> & { readonly needs: readonly KeyNeed[] },
  now: Date,
): KeyReport {
  const last = (what: KeyUse['what']) => uses.find((use) => use.keyId === id && use.what === what)?.lastAt
  const { waiting, dead, kept } = needs.find(({ keyId }) => keyId === id) ?? { waiting: 0, dead: 0, kept: 0 }
  const isNeeded = waiting + dead + kept > 0
  const [received, delivered] = [last('receive'), last('deliver')]
  const safe = safeFrom(uses, newer, received)
  const state = () => {
    if (position === null) return isNeeded ? 'missing' : 'removed'
    if (position === 0) return 'current'
    if (safe === undefined) return 'unpublished'
    return safe > now ? 'early' : isNeeded ? 'needed' : 'safe'
  }
  return {
    ...{ form, position },
    lastReceivedAt: received?.toISOString() ?? null,
    lastDeliveredAt: delivered?.toISOString() ?? null,
    neededBy: { waiting, dead, kept },
    state: state(),
    safeFrom: position === null ? null : (safe?.toISOString() ?? null),
  }
}

/**
 * The first submission with a newer key shows that the form was published with it, at the latest then. Whatever comes with the
 * old key after that, such as from a second form that was published later, starts the 28 days again.
 */
function safeFrom(uses: KeyUses['uses'], newer: readonly string[], received: Date | undefined): Date | undefined {
  const first = uses
    .filter(({ keyId, what }) => what === 'receive' && newer.includes(keyId))
    .map(({ firstAt }) => firstAt)
  if (first.length === 0) return undefined
  const published = Math.min(...first.map((at) => at.getTime()))
  return new Date(Math.max(published, received?.getTime() ?? 0) + OLD_KEY_DAYS * DAY_MILLISECONDS)
}

const DAY_MILLISECONDS = 86_400_000
