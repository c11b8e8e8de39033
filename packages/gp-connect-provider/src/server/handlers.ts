/** Runs the handler of an interaction, which the provider's team writes. */
import type { Context, Middleware } from 'koa'
import type { Resource } from '../fhir/operation-outcome.ts'
import type { Transaction } from '../transaction.ts'
import { answerResource, isResource } from './answer.ts'

/**
 * Answers an interaction with a FHIR resource, with status 200 unless it sets `ctx.status`. Undefined is an answer without a
 * body, for a consumer that `transaction.prefers` it. It throws ProviderError for a failure that the consumer should see.
 */
export type Handler = (
  transaction: Transaction,
  ctx: Context,
) => Resource | undefined | null | Promise<Resource | undefined | null>

/** Middleware that runs the handler with the request's interaction ID. Without a handler the answer is 501. */
export function handleInteractions(handlers: Readonly<Record<string, Handler>>): Middleware {
  const byId = new Map(Object.entries(handlers))
  return async (ctx, next) => {
    const transaction: Transaction = ctx.state['gpConnect']
    const handler = byId.get(transaction.interaction.id)
    if (handler === undefined) return next()
    const resource = await handler(transaction, ctx)
    // The guard reads the code of an outcome before it writes it. Koa would look at any other resource for nothing.
    if (isResource(resource) && resource.resourceType !== 'OperationOutcome')
      answerResource(ctx, resource, transaction.format, transaction.root.fhir)
    else ctx.body = resource ?? EMPTY
  }
}

/** Koa answers 204 to an empty value, but FHIR wants the status of the whole answer. */
const EMPTY = Buffer.alloc(0)
