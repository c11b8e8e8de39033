/** Fills the store of an adapter with submissions of a form that no worker has: they stay as they are made. */
import type { Ending } from '../../../src/store/claim.ts'
import type { Operating, Store } from '../../../src/store/store.ts'
import type { Incoming } from '../../../src/store/submission.ts'
import type { TestAdapter } from '../../../src/testing/index.ts'
import { dead, delivered, incoming, retry } from '../../submissions.ts'

/** The form of all of them. */
export const FORM = 'archive'

/** Reasons of dead letters: the first two are in our words. */
export const REASONS = ['answers.court is missing', 'answers.court is missing, and answers.date']

/** So many of each kind. */
export const KINDS = { first: 700, second: 400, uncertain: 100, theirs: 3, waiting: 597, delivered: 200 } as const
/** All of them. */
export const ALL = 2000
/** Of these, dead letters. */
export const DEAD = 1203

/** 2,000 submissions: dead letters with three codes, what waits for an hour, and what was delivered. */
export async function fillMany(adapter: TestAdapter): Promise<void> {
  const { store } = adapter.running
  const invalid = 'ERR_ANSWERS_INVALID'
  await make(store, KINDS.first, () => dead({ code: invalid, reason: REASONS[0] as string }))
  await make(store, KINDS.second, () => dead({ code: invalid, reason: REASONS[1] as string }))
  await make(store, KINDS.uncertain, () => dead({ code: 'ERR_ATTEMPT_TIMEOUT', reason: 'no end', uncertain: true }))
  await make(store, KINDS.theirs, (i) => dead({ reason: `case ${i} is closed` }))
  await make(store, KINDS.waiting, () => retry({ code: 'ERR_CASEWORK_BUSY', delaySeconds: 3600 }))
  await make(store, KINDS.delivered, (i) => delivered(`=R-${i}`))
}

/** Accepts so many, and ends the first attempt of each. */
export async function make(
  store: Operating & Pick<Store, 'accept' | 'turn'>,
  count: number,
  ending: (i: number) => Ending,
  over: Partial<Incoming> = {},
): Promise<Incoming[]> {
  const made = Array.from({ length: count }, () => incoming({ form: FORM, ...over }))
  for (let i = 0; i < count; i += BATCH) {
    const batch = made.slice(i, i + BATCH)
    await store.accept(batch)
    const claims = await store.turn({
      settle: [],
      claim: [{ form: FORM, most: batch.length, suspects: 0 }],
      leaseSeconds: 30,
    })
    const settle = claims.map((claim, n) => ({ claim, ending: ending(i + n) }))
    await store.turn({ settle, claim: [], leaseSeconds: 30 })
  }
  return made
}

const BATCH = 400
