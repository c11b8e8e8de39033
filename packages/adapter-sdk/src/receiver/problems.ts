/** Answers errors as `application/problem+json` (RFC 9457), and a method that a path does not allow with 405. */
import type { Context, Middleware, Next } from 'koa'
import { AdapterError, ERRORS, type ErrorCode } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { ReportFailure } from '../telemetry/failures.ts'

/** Koa middleware that turns every error into a problem. The reason for a 401 or a 500 is in the event only. */
export function problems(emit: Emit, reportFailure: ReportFailure): Middleware {
  return async (ctx: Context, next: Next) => {
    try {
      await next()
      if (ctx.status === 404 && ctx.body === undefined)
        throw new AdapterError('ERR_NOT_FOUND', 'no such path: a form accepts submissions at exactly its own path')
    } catch (error) {
      // The body broke off: either the sender has gone, or the server has answered and emitted the reason.
      if (ctx.req.aborted) return
      const { status, headers, body } = problemOf(error, { form: ctx.state['form'], emit, reportFailure })
      ctx.status = status
      ctx.set(headers)
      ctx.body = body
    }
  }
}

/** The answer to an error. */
export interface Problem {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The problem that an error is answered with. Emits the refusal of a submission, and reports what nobody expected. */
export function problemOf(
  error: unknown,
  { form, emit, reportFailure }: { readonly form: unknown; readonly emit: Emit; readonly reportFailure: ReportFailure },
): Problem {
  const known = asAdapterError(error)
  if (known.code === 'ERR_INTERNAL') reportFailure('request', error)
  const status = statusOf(known.code)
  if (typeof form === 'string') emit({ event: 'submission.refused', form, code: known.code, status })
  // The same answer to every refused token: a sender must not learn which check failed.
  const showsReason = status !== 401 && status !== 500
  return {
    status,
    headers: { 'Content-Type': 'application/problem+json', ...(status === 503 && { 'Retry-After': '30' }) },
    body: JSON.stringify({
      type: 'about:blank',
      title: TITLES[status] ?? 'Error',
      status,
      ...(showsReason ? { code: known.code, detail: known.message } : {}),
    }),
  }
}

/** Koa middleware: 405 if the path is one of these and the method is not one of the path's. */
export function allowMethods(paths: ReadonlyMap<string, readonly string[]>): Middleware {
  return async (ctx: Context, next: Next) => {
    const allowed = paths.get(ctx.path.replace(/(.)\/$/, '$1'))
    if (allowed !== undefined && !allowed.includes(ctx.method)) refuseMethod(ctx, allowed)
    await next()
  }
}

/** @throws {AdapterError} ERR_METHOD_NOT_ALLOWED, with the allowed methods in the header `Allow`. */
export function refuseMethod(ctx: Context, allowed: readonly string[]): never {
  ctx.set('Allow', allowed.join(', '))
  throw new AdapterError('ERR_METHOD_NOT_ALLOWED', 'this path does not allow this method')
}

function asAdapterError(error: unknown): AdapterError {
  if (error instanceof AdapterError) return error
  const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined
  if (status === 413) return new AdapterError('ERR_BODY_TOO_LARGE', 'the body is too large', { cause: error })
  if (status === 400) return new AdapterError('ERR_JWE_INVALID', 'the body is incomplete', { cause: error })
  return new AdapterError('ERR_INTERNAL', 'unexpected', { cause: error })
}

function statusOf(code: ErrorCode): number {
  return ERRORS[code].status ?? 500
}

const TITLES: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}
