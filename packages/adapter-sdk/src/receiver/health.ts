/** Answers GET /health and GET /readiness for Kubernetes and other orchestrators. */
import type { Context, Middleware, Next } from 'koa'
import type { PausedForm } from '../store/pauses.ts'

/** One reason why this process should not be sent submissions now. */
export interface Reason {
  readonly code: 'stopping' | 'store' | 'full'
  readonly detail: string
}

export interface HealthOptions {
  readonly isStopping: () => boolean
  /** Rejects if a submission could not be stored now. */
  readonly check: () => Promise<void>
  /** How many requests are waiting to be stored, and how many may wait. */
  readonly waiting: () => { readonly requests: number; readonly limit: number }
  /** Forms whose submissions are received, and not handed out. They do not make the process unready. */
  readonly paused: () => Promise<readonly PausedForm[]>
  /** Whether the caller may read the reasons. */
  readonly mayReadReasons: (authorization: string) => boolean
}

/** Koa middleware: `/health` always answers 200; `/readiness` answers 200, or 503 if no submission can be accepted. */
export function health(given: HealthOptions): Middleware {
  // One check of the store at a time, so that many probes do not slow it down.
  const options = { ...given, check: shared(given.check) }
  return async (ctx: Context, next: Next) => {
    if (ctx.path === '/health') {
      ctx.body = 'healthy'
    } else if (ctx.path === '/readiness') {
      const reasons = await reasonsOf(options)
      const status = reasons.length === 0 ? 'ready' : 'not ready'
      ctx.status = reasons.length === 0 ? 200 : 503
      if (ctx.status === 503) ctx.set('Retry-After', '5')
      ctx.vary('Accept')
      const wantsReasons = ctx.accepts('text', 'json') === 'json'
      const mayRead = wantsReasons && options.mayReadReasons(ctx.get('Authorization'))
      ctx.body = mayRead ? { status, reasons, ...(await pausesOf(options)) } : status
    } else {
      await next()
    }
  }
}

/** Callers that arrive during a check share its result. */
function shared(check: () => Promise<void>): () => Promise<void> {
  let checking: Promise<void> | undefined
  return () => {
    checking ??= check().finally(() => {
      checking = undefined
    })
    return checking
  }
}

/** Nothing where there are none, or the store does not say: the reasons say that. */
async function pausesOf({ paused }: HealthOptions): Promise<{ readonly paused?: readonly PausedForm[] }> {
  const forms = await paused().catch(() => [])
  return forms.length === 0 ? {} : { paused: forms }
}

async function reasonsOf({ isStopping, check, waiting }: HealthOptions): Promise<Reason[]> {
  const reasons: Reason[] = []
  if (isStopping()) reasons.push({ code: 'stopping', detail: 'the process is stopping' })
  const { requests, limit } = waiting()
  if (requests >= limit)
    reasons.push({ code: 'full', detail: `${requests} requests are waiting to be stored, the limit is ${limit}` })
  await check().catch(() => reasons.push({ code: 'store', detail: 'a submission cannot be stored now' }))
  return reasons
}
