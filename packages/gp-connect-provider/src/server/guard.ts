/** The guard: Koa middleware that checks, passes on, answers and audits requests. No answer is sent before its record is written. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Context, Middleware } from 'koa'
import { entryOfExchange } from '../audit/entry.ts'
import type { AuditTrail } from '../audit/trail.ts'
import type { Check } from '../checks/checks.ts'
import { isUuid } from '../checks/ssp-headers.ts'
import { beginExchange, type Exchange } from '../exchange.ts'
import { ProviderError } from '../failures.ts'
import { negotiateFormat } from '../fhir/format.ts'
import { statusOf } from '../fhir/operation-outcome.ts'
import { transactionOf } from '../transaction.ts'
import { answerResource, failureAnswer, gzipWhereAsked, isResource } from './answer.ts'
import type { GuardEvent } from './events.ts'

/** What a guard works with. */
export interface GuardParts {
  readonly checks: readonly Check[]
  readonly audit: AuditTrail
  /** Requests that already have a record: the server may refuse a request while the guard handles it, and vice versa. */
  readonly recorded: WeakSet<IncomingMessage>
  readonly onEvent: (event: GuardEvent) => void
}

/**
 * Runs the checks, then what is downstream with `ctx.state.gpConnect` set to the Transaction. A FHIR resource in
 * `ctx.body` is written as JSON or XML. An empty body becomes NOT_IMPLEMENTED, an error becomes an OperationOutcome.
 */
export function guard(parts: GuardParts): Middleware {
  return async (ctx, next) => {
    const exchange = beginExchange(ctx.req, Date.now())
    let ending = await attempt(parts, exchange, ctx, next)
    if (!parts.recorded.has(ctx.req)) {
      parts.recorded.add(ctx.req)
      try {
        await parts.audit.append(entryOfExchange(exchange, ctx.status, ending.errorCode))
      } catch (error) {
        ending = fail(exchange, ctx, new ProviderError('AUDIT_UNAVAILABLE', undefined, { cause: error }))
      }
    }
    await gzipWhereAsked(ctx, exchange)
    // Set last, so that nothing downstream can change it.
    ctx.res.setHeader('Cache-Control', 'no-store')
    parts.onEvent(eventOf(exchange, ctx.status, ending))
  }
}

/** How a transaction ended. */
interface Ending {
  readonly errorCode: string | null
  readonly failure?: ProviderError
  readonly check?: string | undefined
  readonly correlationId?: string
  readonly cause?: unknown
}

async function attempt(
  parts: GuardParts,
  exchange: Exchange,
  ctx: Context,
  next: () => Promise<unknown>,
): Promise<Ending> {
  let asked: string | undefined
  try {
    for (const check of parts.checks) {
      asked = check.name
      const pending = check.run(exchange, ctx)
      if (pending !== undefined) await pending
    }
    asked = undefined
    // The effects of a handler could not be recorded, so it must not run.
    if (parts.audit.failing) throw new ProviderError('AUDIT_UNAVAILABLE')
    ctx.state['gpConnect'] = transactionOf(exchange)
    await next()
    if (ctx.status === 404 && (ctx.body === undefined || ctx.body === null)) throw new ProviderError('NOT_IMPLEMENTED')
    const { format = 'json', fhir } = exchange
    if (isResource(ctx.body)) answerResource(ctx, ctx.body, format, fhir)
    return { errorCode: null }
  } catch (error) {
    return { ...fail(exchange, ctx, error), check: asked }
  }
}

/** Turns an error into an OperationOutcome. For an unexpected error the consumer gets a correlation id only. */
function fail(exchange: Exchange, ctx: Context, thrown: unknown): Ending {
  const expected = thrown instanceof ProviderError
  const correlationId = randomUUID()
  const failure = expected ? thrown : new ProviderError('INTERNAL_SERVER_ERROR')
  const unexpected = statusOf(failure.code, failure.bearer, exchange.rules) === 500
  const diagnostics = unexpected ? `${failure.diagnostics}; correlation id ${correlationId}` : failure.diagnostics

  for (const name of ctx.res.getHeaderNames()) ctx.remove(name)
  const format = exchange.format ?? negotiateFormat(exchange, exchange.fhir) ?? 'json'
  const { bearer, code } = failure
  const answer = failureAnswer({ code, bearer, diagnostics }, exchange, format)
  ctx.status = answer.status
  if (bearer !== undefined) ctx.set('WWW-Authenticate', `Bearer error="${bearer}"`)
  if (code === 'AUDIT_UNAVAILABLE') ctx.set('Connection', 'close')
  // Before the body: Koa would look for a media type of its own.
  ctx.res.setHeader('Content-Type', answer.contentType)
  ctx.body = answer.body
  return {
    errorCode: answer.errorCode,
    failure,
    ...(unexpected && { correlationId, cause: expected ? failure.cause : thrown }),
  }
}

function eventOf(exchange: Exchange, status: number, ending: Ending): GuardEvent {
  const { interaction, headers, receivedAt } = exchange
  const traceId = headers['ssp-traceid']
  const told = {
    status,
    milliseconds: Date.now() - receivedAt,
    path: interaction?.path,
    interactionId: interaction?.id,
    traceId: traceId !== undefined && isUuid(traceId) ? traceId : undefined,
  }
  const { failure, correlationId } = ending
  if (failure === undefined) return { type: 'transaction.served', ...told }
  if (correlationId !== undefined) {
    return { type: 'transaction.failed', ...told, code: failure.code, correlationId, error: nameOf(ending.cause) }
  }
  return { type: 'transaction.refused', ...told, code: failure.code, check: ending.check }
}

/** Name and code, never the message: it may quote a patient's record. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return 'code' in error && typeof error.code === 'string' ? `${error.name} ${error.code}` : error.name
}
