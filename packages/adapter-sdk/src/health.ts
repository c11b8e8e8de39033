/** GET /health and /readiness, as orchestrators ask. */
import type { Context, Middleware, Next } from 'koa'

export interface HealthOptions {
  readonly isStopping: () => boolean
  /** Rejects when no submission could be stored now. */
  readonly check: () => Promise<void>
}

/** Koa middleware: `/health` 200 while the process lives, `/readiness` 200 while it can take submissions, else 503. */
export function health({ isStopping, check }: HealthOptions): Middleware {
  return async (ctx: Context, next: Next) => {
    if (ctx.path === '/health') {
      ctx.body = 'healthy'
    } else if (ctx.path === '/readiness') {
      const ready =
        !isStopping() &&
        (await check().then(
          () => true,
          () => false,
        ))
      ctx.status = ready ? 200 : 503
      ctx.body = ready ? 'ready' : 'not ready'
      if (!ready) ctx.set('Retry-After', '5')
    } else {
      await next()
    }
  }
}
