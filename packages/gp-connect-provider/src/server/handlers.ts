/** Handlers of interactions: what a team writes. */
import type { Context, Middleware } from 'koa'
import type { Resource } from '../fhir/operation-outcome.ts'
import type { Transaction } from '../transaction.ts'
import { answerResource } from './answer.ts'

/**
 * Answers an interaction with a FHIR resource (200, unless `ctx.status` says otherwise). Throws ProviderError for a
 * failure that the consumer is to learn of.
 */
export type Handler = (transaction: Transaction, ctx: Context) => Resource | Promise<Resource>

/** Handlers by interaction ID. An interaction without one is answered 501 NOT_IMPLEMENTED. */
export function handleInteractions(handlers: Readonly<Record<string, Handler>>): Middleware {
  const byId = new Map(Object.entries(handlers))
  return async (ctx, next) => {
    const transaction: Transaction = ctx.state['gpConnect']
    const handler = byId.get(transaction.interaction.id)
    if (handler === undefined) return next()
    const resource = await handler(transaction, ctx)
    answerResource(ctx, resource, transaction.format, transaction.root.fhir)
  }
}
