/** Shows what people have done, newest first. */
import type { Middleware } from 'koa'
import { MOST_PAGES, type OperatorParts, pageNumber, type Show } from './parts.ts'

export function showActions({ store }: OperatorParts, show: Show): Middleware {
  return async (ctx) => {
    const page = pageNumber(ctx)
    const found = await store.actions({ limit: PAGE_SIZE + 1, offset: (page - 1) * PAGE_SIZE })
    show(ctx, 'actions', {
      actions: found.slice(0, PAGE_SIZE),
      page,
      previous: page > 1 ? `/actions?page=${page - 1}` : undefined,
      next: found.length > PAGE_SIZE && page < MOST_PAGES ? `/actions?page=${page + 1}` : undefined,
    })
  }
}

const PAGE_SIZE = 100
