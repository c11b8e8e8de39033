/** What people did, for the record. */
import type { Middleware } from 'koa'
import { latestActions } from '../reports.ts'
import type { OperatorParts, Show } from './parts.ts'

export function showActions({ database }: OperatorParts, show: Show): Middleware {
  return async (ctx) => show(ctx, 'actions', { actions: await latestActions(database) })
}
