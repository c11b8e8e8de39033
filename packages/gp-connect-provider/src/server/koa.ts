/** The guard as Koa middleware. */
import type { Context, Middleware } from 'koa'
import type { Exchange } from '../exchange.ts'
import { ProviderError } from '../failures.ts'
import { codeOfOutcome } from '../fhir/operation-outcome.ts'
import { transactionOf } from '../transaction.ts'
import { gzipIfAccepted, settleBody } from './answer.ts'
import type { Guard } from './guard.ts'
import { holdResponse } from './intercepted-response.ts'

/**
 * Runs the checks, then the next middleware with `ctx.state.gpConnect` set to the Transaction. A FHIR resource in `ctx.body`
 * is sent as JSON or XML, an empty body as NOT_IMPLEMENTED, and anything thrown as an OperationOutcome.
 */
export function koaGuard(guard: Guard): Middleware {
  return async (ctx, next) => {
    // The guard writes its own answers, so Koa writes only what passes it.
    ctx.respond = false
    const exchange = await guard.admit(ctx.req, ctx.res)
    if (exchange === 'refused') return
    ctx.respond = true
    const held = holdResponse(ctx.res, () => guard.isAnsweredByServer(exchange, ctx.req))
    try {
      ctx.state['gpConnect'] = transactionOf(exchange)
      await next()
      if (held.used || !answersWithKoa(ctx)) throw new DirectAnswerError()
      if (ctx.status === 404 && (ctx.body === undefined || ctx.body === null))
        throw new ProviderError('NOT_IMPLEMENTED')
      await answer(guard, exchange, ctx)
    } catch (error) {
      ctx.respond = false
      await guard.fail(exchange, ctx.req, ctx.res, error)
    }
  }
}

/** Handlers can change it. */
function answersWithKoa({ respond }: Context): boolean {
  return respond !== false
}

async function answer(guard: Guard, exchange: Exchange, ctx: Context): Promise<void> {
  const errorCode = codeOfOutcome(ctx.body)
  await settleBody(ctx, exchange)
  ctx.respond = false
  const { status } = ctx
  if ((await guard.record(exchange, ctx.req, ctx.res, { status, errorCode })) === 'refused') return
  await gzipIfAccepted(ctx, exchange)
  // Set last, so that no handler can override it.
  ctx.res.setHeader('Cache-Control', 'no-store')
  ctx.respond = true
}

/** A handler has written to the response itself, or told Koa not to answer. */
class DirectAnswerError extends Error {
  override readonly name = 'DirectAnswerError'
}
