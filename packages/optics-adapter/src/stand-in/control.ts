/** Control over HTTP, for programs that run beside the stand-in. Answers this machine only. */
import { json } from 'node:stream/consumers'
import type Koa from 'koa'
import { FAILURES, type FailureKind, type FailureOptions, isFailureKind, ROUTES } from './failures.ts'
import type { OpticsStandIn } from './index.ts'

/** Where the control routes are. No path of Optics begins like this. */
export const CONTROL = '/__stand-in/'

/**
 * `GET cases`, `GET requests`, `POST fail` with `{kind, times, route, status, seconds}`, `POST expire-tokens`, and
 * `DELETE cases`, which forgets cases, requests and failures.
 */
export function control(standIn: Omit<OpticsStandIn, 'stop' | typeof Symbol.asyncDispose>): Koa.Middleware {
  const routes: Record<string, (ctx: Koa.Context) => unknown> = {
    'GET cases': () => ({ cases: standIn.cases(), duplicates: standIn.duplicates() }),
    'GET requests': () => ({ requests: standIn.requests }),
    'POST fail': async (ctx) => {
      const order = parseOrder(await json(ctx.req).catch(() => undefined))
      if (order === undefined) return ctx.throw(400, `kind is one of ${Object.keys(FAILURES).join(', ')}`)
      await standIn.fail(order.kind, order)
      return order
    },
    'POST expire-tokens': () => {
      standIn.expireTokens()
      return {}
    },
    'DELETE cases': async () => {
      await standIn.clear()
      return {}
    },
  }

  return async (ctx, next) => {
    if (!ctx.path.startsWith(CONTROL)) return next()
    const route = routes[`${ctx.method} ${ctx.path.slice(CONTROL.length)}`]
    if (route === undefined || !isLoopback(ctx.req.socket.remoteAddress ?? '')) return ctx.throw(404)
    ctx.body = await route(ctx)
  }
}

/** Whether a peer is on this machine. */
export function isLoopback(address: string): boolean {
  return /^(::1|(::ffff:)?127\.\d+\.\d+\.\d+)$/.test(address)
}

function parseOrder(order: unknown): ({ kind: FailureKind } & FailureOptions) | undefined {
  if (typeof order !== 'object' || order === null) return undefined
  const { kind, times, route, status, seconds } = order as Record<string, unknown>
  const where = ROUTES.find((name) => name === route)
  if (!isFailureKind(kind) || (route !== undefined && where === undefined)) return undefined
  return {
    kind,
    ...(typeof times === 'number' && { times }),
    ...(where !== undefined && { route: where }),
    ...(typeof status === 'number' && { status }),
    ...(typeof seconds === 'number' && { seconds }),
  }
}
