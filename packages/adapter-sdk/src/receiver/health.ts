/** GET /health and /readiness, as orchestrators ask. */
import type { Context, Middleware, Next } from 'koa'

/** Why no submission should be sent here now. */
export interface Reason {
  readonly code: 'stopping' | 'store' | 'full'
  readonly detail: string
}

export interface HealthOptions {
  readonly isStopping: () => boolean
  /** Rejects when no submission could be stored now. */
  readonly check: () => Promise<void>
  /** Requests that wait to be stored, and how many may. */
  readonly waiting: () => { readonly requests: number; readonly limit: number }
  /** Who may read the reasons, when they ask for JSON. */
  readonly mayReadReasons: (authorization: string) => boolean
}

/** Koa middleware: `/health` 200 while the process lives, `/readiness` 200 while it can take submissions, else 503. */
export function health(given: HealthOptions): Middleware {
  // However many ask, the store is looked at once at a time: asking must not keep it from storing.
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
      ctx.body = wantsReasons && options.mayReadReasons(ctx.get('Authorization')) ? { status, reasons } : status
    } else {
      await next()
    }
  }
}

/** Whoever comes while one look is under way shares it. */
function shared(check: () => Promise<void>): () => Promise<void> {
  let looking: Promise<void> | undefined
  return () => {
    looking ??= check().finally(() => {
      looking = undefined
    })
    return looking
  }
}

async function reasonsOf({ isStopping, check, waiting }: HealthOptions): Promise<Reason[]> {
  const reasons: Reason[] = []
  if (isStopping()) reasons.push({ code: 'stopping', detail: 'the process is stopping' })
  const { requests, limit } = waiting()
  if (requests >= limit) reasons.push({ code: 'full', detail: `${requests} requests wait to be stored, of ${limit}` })
  await check().catch(() => reasons.push({ code: 'store', detail: 'a submission cannot be stored now' }))
  return reasons
}
