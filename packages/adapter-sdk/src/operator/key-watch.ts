/** Watches the keys of a running adapter: figures for the metrics, and what a start says of a key that is missing. */
import type { AdapterEvent } from '../events.ts'
import type { KeyIds } from '../store/key-id.ts'
import type { KeyNeed, KnowingKeys } from '../store/store.ts'
import type { KeyFigures } from '../telemetry/gauges.ts'
import { type KeyReport, keyReports } from './key-rule.ts'

/** Returns the function that reads the figures of keys, for each scrape. `now`: milliseconds. */
export function keyFigures(
  store: Pick<KnowingKeys, 'keyUses' | 'keyNeeds'>,
  ids: KeyIds,
  now: () => number = () => performance.now(),
): () => Promise<KeyFigures> {
  let counted: { readonly at: number; readonly needs: readonly KeyNeed[] } | undefined

  /** Counts only when a key is old enough to be removed, and not at each scrape. */
  async function needs(): Promise<readonly KeyNeed[]> {
    if (counted === undefined || now() - counted.at > COUNT_MILLISECONDS) {
      counted = { at: now(), needs: await store.keyNeeds() }
    }
    return counted.needs
  }

  return async () => {
    const known = await store.keyUses()
    const byTime = keyReports(ids, known, [])
    const reports = byTime.some(({ state }) => state === 'safe') ? keyReports(ids, known, await needs()) : byTime
    const listed = reports.filter(({ position }) => position !== null)
    const previous = listed.filter(({ position }) => position !== 0)
    const isReceiving = ({ lastReceivedAt }: KeyReport) =>
      lastReceivedAt !== null && known.now.getTime() - Date.parse(lastReceivedAt) < RECENT_MILLISECONDS
    return {
      lastUses: listed.flatMap(({ form, position, lastReceivedAt, lastDeliveredAt }) => [
        ...lastUse(form, position, 'received', lastReceivedAt),
        ...lastUse(form, position, 'delivered', lastDeliveredAt),
      ]),
      previous: Object.keys(ids).map((form) => {
        const ofForm = previous.filter((each) => each.form === form)
        const removable = ofForm.filter(({ state }) => state === 'safe').length
        return { form, receiving: ofForm.filter(isReceiving).length, removable }
      }),
    }
  }
}

/** An event for each form with submissions whose key the settings no longer have. */
export async function missingKeys(
  store: Pick<KnowingKeys, 'keyUses' | 'keyNeeds'>,
  ids: KeyIds,
): Promise<readonly Extract<AdapterEvent, { event: 'key.missing' }>[]> {
  const reports = keyReports(ids, await store.keyUses(), await store.keyNeeds())
  const missing = reports.filter(({ form, state }) => state === 'missing' && form in ids)
  return [...Map.groupBy(missing, ({ form }) => form)].map(([form, keys]) => {
    const sum = (what: keyof KeyReport['neededBy']) => keys.reduce((total, { neededBy }) => total + neededBy[what], 0)
    const counts = { waiting: sum('waiting'), dead: sum('dead'), kept: sum('kept') }
    return { event: 'key.missing', form, ...counts, detail: PUT_BACK }
  })
}

function lastUse(form: string, position: number | null, use: 'received' | 'delivered', at: string | null) {
  return at === null || position === null ? [] : [{ form, position, use, at: Date.parse(at) / 1000 }]
}

const PUT_BACK =
  'a key was removed that submissions need: put it back into JWE_PREVIOUS_KEYS; adapter keys shows what needs it'
const COUNT_MILLISECONDS = 600_000
const RECENT_MILLISECONDS = 86_400_000
