/** Lets other programs on this machine control the stand-in over HTTP. */
import { json } from 'node:stream/consumers'
import type Koa from 'koa'
import type { StandInCase } from './cases.ts'
import { FAILURES, type Failure, type FailureKind, type FailureOptions, isFailureKind, ROUTES } from './failures.ts'
import type { StandInRequest } from './server.ts'

/** What a test, or another program, may see and do while the stand-in runs. */
export interface StandInControls {
  /** Every request that was read completely, oldest first. */
  readonly requests: readonly StandInRequest[]
  /** Every case that was created, oldest first. */
  cases(): readonly StandInCase[]
  /** Ids of cases with the same content, group by group. Empty when no case was created twice. */
  duplicates(): string[][]
  /** Makes the next requests fail. Failures that were added earlier come first. */
  fail(kind: FailureKind, options?: FailureOptions): Promise<void>
  /** Makes every issued token invalid, as if it had expired. */
  expireTokens(): void
  /** Removes all cases, requests and failures, and listens again if the stand-in had stopped. */
  clear(): Promise<void>
}

/**
 * Middleware for `GET cases`, `GET requests`, `POST fail` with `{kind, times, route, status, body, type,
 * headers, seconds}`, `POST expire-tokens`, and `DELETE cases`, which removes cases, requests and failures.
 */
export function control(standIn: StandInControls): Koa.Middleware {
  const routes: Record<string, (ctx: Koa.Context) => unknown> = {
    'GET cases': () => ({ cases: standIn.cases(), duplicates: standIn.duplicates() }),
    'GET requests': () => ({ requests: standIn.requests }),
    'POST fail': async (ctx) => {
      const failure = parseFailure(await json(ctx.req).catch(() => undefined))
      if (failure === undefined) return ctx.throw(400, `kind must be one of ${Object.keys(FAILURES).join(', ')}`)
      await standIn.fail(failure.kind, failure)
      return failure
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
    if (!ctx.path.startsWith(PREFIX)) return next()
    const route = routes[`${ctx.method} ${ctx.path.slice(PREFIX.length)}`]
    if (route === undefined || !isLoopback(ctx.req.socket.remoteAddress ?? '')) return ctx.throw(404)
    ctx.body = await route(ctx)
  }
}

/** Whether an address is on this machine. */
export function isLoopback(address: string): boolean {
  return /^(::1|(::ffff:)?127\.\d+\.\d+\.\d+)$/.test(address)
}

// Optics has no path that starts like this.
const PREFIX = '/__stand-in/'

function parseFailure(body: unknown): Failure | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const { kind, times, route, status, seconds, headers, ...answer } = body as Record<string, unknown>
  const knownRoute = ROUTES.find((name) => name === route)
  if (!isFailureKind(kind) || (route !== undefined && knownRoute === undefined)) return undefined
  return {
    kind,
    ...(typeof times === 'number' && { times }),
    ...(knownRoute !== undefined && { route: knownRoute }),
    ...(typeof status === 'number' && { status }),
    ...(typeof seconds === 'number' && { seconds }),
    ...(typeof answer['body'] === 'string' && { body: answer['body'] }),
    ...(typeof answer['type'] === 'string' && { type: answer['type'] }),
    ...(isTexts(headers) && { headers }),
  }
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.values(value).every((text) => typeof text === 'string')
}
