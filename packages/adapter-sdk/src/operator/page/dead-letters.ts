/** Shows dead letters by form and code, and by reason where the words are ours, with advice on each group. */
import type { Middleware } from 'koa'
import type { DeadGroup, DeadReason } from '../../store/entry.ts'
import type { OperatorParts, Show } from './parts.ts'

export function showDeadLetters({ store, advise }: OperatorParts, show: Show): Middleware {
  return async (ctx) => {
    const groups = await store.deadGroups()
    const reasons = await store.deadReasons(MOST_REASONS)
    show(ctx, 'dead-letters', {
      groups: groups.map((group) => ({
        ...group,
        ...reasonsOf(group, reasons),
        query: query(group),
        advice: advise({ ...group, uncertain: group.uncertain > 0 }),
      })),
      total: groups.reduce((sum, group) => sum + group.count, 0),
    })
  }
}

const MOST_REASONS = 200
const MOST_REASONS_OF_A_GROUP = 10

/** The most numerous reasons of a group, and how many dead letters have another. */
function reasonsOf(group: DeadGroup, all: readonly DeadReason[]) {
  const reasons = all
    .filter(({ form, code }) => form === group.form && code === group.code)
    .slice(0, MOST_REASONS_OF_A_GROUP)
    .map((each) => ({ ...each, query: query({ ...group, reason: each.reason, whole: '1' }) }))
  return { reasons, otherReasons: group.count - reasons.reduce((sum, { count }) => sum + count, 0) }
}

function query({
  form,
  code,
  ...more
}: Pick<DeadGroup, 'form' | 'code'> & { reason?: string; whole?: string }): string {
  const { reason, whole } = more
  const fields = { state: 'dead', form, code, ...(reason !== undefined && { reason, whole: whole ?? '' }) }
  return new URLSearchParams(fields).toString()
}
