/** Shows dead letters by form and code, with advice on each group. */
import type { Middleware } from 'koa'
import type { OperatorParts, Show } from './parts.ts'
import { query } from './submissions.ts'

export function showDeadLetters({ store, advise }: OperatorParts, show: Show): Middleware {
  return async (ctx) => {
    const groups = await store.deadGroups()
    const done = query(ctx, 'done')
    const count = query(ctx, 'count')
    show(ctx, 'dead-letters', {
      groups: groups.map((group) => ({ ...group, advice: advise({ ...group, uncertain: group.uncertain > 0 }) })),
      total: groups.reduce((sum, group) => sum + group.count, 0),
      done:
        (done === 'redriven' || done === 'discarded') && /^\d{1,4}$/.test(count)
          ? { done, count: Number(count) }
          : undefined,
    })
  }
}
