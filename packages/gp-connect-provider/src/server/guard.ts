/** The guard: Koa middleware that checks, answers and audits requests. It stores the record before it sends the answer. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Context, Middleware } from 'koa'
import { entryOfExchange } from '../audit/entry.ts'
import type { AuditTrail } from '../audit/trail.ts'
import type { Check } from '../checks/checks.ts'
import { readRefusedBody } from '../checks/request-body.ts'
import { isUuid } from '../checks/ssp-headers.ts'
import { createExchange, type Exchange } from '../exchange.ts'
import { ProviderError } from '../failures.ts'
import { negotiateFormat } from '../fhir/format.ts'
import { codeOfOutcome, statusOf } from '../fhir/operation-outcome.ts'
import { transactionOf } from '../transaction.ts'
import type { AdmittedRequests } from './admitted-requests.ts'
import { failureAnswer, gzipIfAccepted, settleBody } from './answer.ts'
import type { GuardEvent } from './events.ts'
import { holdResponse } from './held-response.ts'

/** The parts that a guard uses. */
export interface GuardParts {
  readonly checks: readonly Check[]
  /** Largest body, which is also read of a refused request. */
  readonly maxBodyBytes: number
  readonly audit: AuditTrail
  /** Requests with a record. secure-server and the guard can both answer the same request, but only one may record it. */
  readonly recorded: WeakSet<IncomingMessage>
  /** Requests of clients whose certificate the provider's own server has accepted. No others are answered. */
  readonly admitted: AdmittedRequests
  /** Requests that are not answered yet. A provider that stops records those whose handlers never end. */
  readonly unanswered: Map<IncomingMessage, Exchange>
  readonly onEvent: (event: GuardEvent) => void
}

/**
 * Runs the checks, then the next middleware with `ctx.state.gpConnect` set to the Transaction. A FHIR resource in `ctx.body`
 * is sent as JSON or XML, an empty body as NOT_IMPLEMENTED, and anything thrown as an OperationOutcome.
 */
export function guard(parts: GuardParts): Middleware {
  return async (ctx, next) => {
    const exchange = createExchange(ctx.req, Date.now())
    if (!parts.admitted.has(ctx.req)) return refusePeer(parts, exchange, ctx)
    const held = holdResponse(ctx.res, () => parts.recorded.has(ctx.req))
    parts.unanswered.set(ctx.req, exchange)
    let result = await attempt(parts, exchange, ctx, async () => {
      await next()
      if (held.used || ctx.respond === false) throw new DirectAnswerError()
    })
    ctx.respond = true
    if (!parts.recorded.has(ctx.req)) {
      parts.recorded.add(ctx.req)
      try {
        await parts.audit.append(entryOfExchange(exchange, ctx.status, result.errorCode))
      } catch (error) {
        result = fail(exchange, ctx, new ProviderError('AUDIT_UNAVAILABLE', undefined, { cause: error }))
      }
    }
    parts.unanswered.delete(ctx.req)
    await gzipIfAccepted(ctx, exchange)
    held.release()
    // Set last, so that no handler can override it.
    ctx.res.setHeader('Cache-Control', 'no-store')
    parts.onEvent(eventOf(exchange, ctx.status, result))
  }
}

/**
 * Closes the connection of a client that has not proved to be the proxy, and records its request. It gets no answer: only the
 * certificate of the connection itself counts, because headers that name one can be spoofed.
 */
async function refusePeer(parts: GuardParts, exchange: Exchange, ctx: Context): Promise<void> {
  ctx.respond = false
  ctx.req.socket.destroy()
  parts.onEvent({
    ...eventOf(exchange, 0, { errorCode: PEER_REFUSED }),
    type: 'transaction.refused',
    code: PEER_REFUSED,
    check: 'peer',
  })
  // The trail emits an event if it cannot store the record.
  await parts.audit.append({ ...entryOfExchange(exchange, null, PEER_REFUSED), outcome: 'refused' }).catch(() => {})
}

const PEER_REFUSED = 'PEER_NOT_AUTHENTICATED'

/** A handler has written to the response itself, or told Koa not to answer. */
class DirectAnswerError extends Error {
  override readonly name = 'DirectAnswerError'
}

/** The result of a request. */
interface Result {
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
): Promise<Result> {
  let running: string | undefined
  try {
    for (const check of parts.checks) {
      running = check.name
      const pending = check.run(exchange, ctx.req)
      if (pending !== undefined) await pending
    }
    running = undefined
    // The trail could not record what a handler does, so no handler may run.
    if (parts.audit.failing) throw new ProviderError('AUDIT_UNAVAILABLE')
    ctx.state['gpConnect'] = transactionOf(exchange)
    await next()
    if (ctx.status === 404 && (ctx.body === undefined || ctx.body === null)) throw new ProviderError('NOT_IMPLEMENTED')
    const errorCode = codeOfOutcome(ctx.body)
    await settleBody(ctx, exchange)
    return { errorCode }
  } catch (error) {
    if (running !== undefined) await readRefusedBody(exchange, ctx.req, parts.maxBodyBytes)
    return { ...fail(exchange, ctx, error), check: running }
  }
}

/** Answers an error with an OperationOutcome. Of an unexpected error the consumer gets only a correlation id. */
function fail(exchange: Exchange, ctx: Context, thrown: unknown): Result {
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
  // Set before the body, because Koa would otherwise choose a media type.
  ctx.res.setHeader('Content-Type', answer.contentType)
  ctx.body = answer.body
  return {
    errorCode: answer.errorCode,
    failure,
    ...(unexpected && { correlationId, cause: expected ? failure.cause : thrown }),
  }
}

function eventOf(exchange: Exchange, status: number, result: Result): GuardEvent {
  const { interaction, headers, receivedAt } = exchange
  const traceId = headers['ssp-traceid']
  const summary = {
    status,
    milliseconds: Date.now() - receivedAt,
    path: interaction?.path,
    interactionId: interaction?.id,
    traceId: traceId !== undefined && isUuid(traceId) ? traceId : undefined,
  }
  const { failure, correlationId } = result
  if (failure === undefined) {
    if (status < 400) return { type: 'transaction.served', ...summary }
    return { type: 'transaction.refused', ...summary, code: loggable(result.errorCode), check: undefined }
  }
  if (correlationId !== undefined) {
    return { type: 'transaction.failed', ...summary, code: failure.code, correlationId, error: nameOf(result.cause) }
  }
  return { type: 'transaction.refused', ...summary, code: failure.code, check: result.check }
}

/** The code of a handler's own outcome, unless it could be any other text. */
function loggable(code: string | null): string | undefined {
  return code !== null && /^[A-Z][A-Z_ -]{0,63}$/.test(code) ? code : undefined
}

/** The name and code of an error. Its message may quote a patient's record. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return 'code' in error && typeof error.code === 'string' ? `${error.name} ${error.code}` : error.name
}
