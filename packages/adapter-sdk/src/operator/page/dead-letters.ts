/** Shows dead letters by form and code, with advice on each group. */
import type { Middleware } from 'koa'
import { doneOf } from './decisions.ts'
import type { OperatorParts, Show } from './parts.ts'

export function showDeadLetters({ store, advise }: OperatorParts, show: Show): Middleware {
  return async (ctx) => {
    const groups = await store.deadGroups()
    show(ctx, 'dead-letters', {
      groups: groups.map((group) => ({ ...group, advice: advise({ ...group, uncertain: group.uncertain > 0 }) })),
      total: groups.reduce((sum, group) => sum + group.count, 0),
      done: doneOf(ctx.URL.searchParams),
    })
  }
}
