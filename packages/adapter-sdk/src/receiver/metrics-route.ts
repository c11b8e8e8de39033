/** GET /metrics, behind basic authentication as in the live deployment. */
import type { Context, Middleware, Next } from 'koa'
import { type Credentials, isAuthorised } from '../basic-auth.ts'

/** Koa middleware: the text of `expose` to whoever has the credentials. */
export function scrape(options: { credentials: Credentials; expose(): Promise<string> }): Middleware {
  return async (ctx: Context, next: Next) => {
    if (ctx.path !== '/metrics') return await next()
    if (isAuthorised(ctx.get('Authorization'), options.credentials)) {
      ctx.set('Content-Type', 'text/plain; version=0.0.4')
      ctx.body = await options.expose()
    } else {
      ctx.status = 401
      ctx.set('WWW-Authenticate', 'Basic realm="Application"')
      ctx.type = 'text/html'
      ctx.body = 'HTTP Basic: Access denied.\n'
    }
  }
}
