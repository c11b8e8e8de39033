/** Answers GET /metrics, with basic authentication as in the live deployment. */

import { type Credentials, isAuthorised } from '@formbuilder/secure-server'
import type { Context, Middleware, Next } from 'koa'

/** Koa middleware that answers a caller with these credentials with the text of the metrics. */
export function metricsRoute(options: { credentials: Credentials; readMetrics(): Promise<string> }): Middleware {
  return async (ctx: Context, next: Next) => {
    if (ctx.path !== '/metrics') return await next()
    if (isAuthorised(ctx.get('Authorization'), options.credentials)) {
      ctx.set('Content-Type', 'text/plain; version=0.0.4')
      ctx.body = await options.readMetrics()
    } else {
      ctx.status = 401
      ctx.set('WWW-Authenticate', 'Basic realm="Application"')
      ctx.type = 'text/html'
      ctx.body = 'HTTP Basic: Access denied.\n'
    }
  }
}
