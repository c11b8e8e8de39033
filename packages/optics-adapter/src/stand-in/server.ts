/** The HTTP layer of the stand-in: reads requests, sends answers, and makes them fail on the connection. */
import { text } from 'node:stream/consumers'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import type Koa from 'koa'
import { type Answer, errorPage } from './answers.ts'
import type { api } from './api.ts'
import { type Failure, type Failures, ROUTES, type Route } from './failures.ts'

/** A request that reached the stand-in. */
export interface StandInRequest {
  readonly route: Route
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
  /** The failure that the request ran into, or else the status of its answer. */
  readonly met: Failure['kind'] | number
}

/** Koa middleware that answers as Optics does, unless a failure waits for the request. */
export function optics(answer: ReturnType<typeof api>, failures: Failures, seen: StandInRequest[]): Koa.Middleware {
  return async (ctx) => {
    const route = ROUTES.find((name) => ctx.path === `/${name}`)
    if (route === undefined) return send(ctx, errorPage(404))

    const body = await text(ctx.req)
    const failure = failures.take(route)
    const answerRequest = (documentsFail = false) =>
      answer(
        route,
        {
          method: ctx.method,
          query: ctx.URL.searchParams,
          contentType: ctx.get('content-type'),
          authorization: ctx.get('authorization'),
          body,
        },
        { documentsFail },
      )
    const { method, url, headers } = ctx
    const record = (met: StandInRequest['met']) => seen.push({ route, method, url, headers, body, met })

    if (failure === undefined) {
      const plain = await answerRequest()
      record(plain.status)
      return send(ctx, plain)
    }
    record(failure.kind)
    await fail(ctx, failure, answerRequest)
  }
}

async function fail(
  ctx: Koa.Context,
  failure: Failure,
  answerRequest: (documentsFail?: boolean) => Promise<Answer>,
): Promise<void> {
  const { kind, status = 500, seconds = 1 } = failure
  if (kind === 'documents') return send(ctx, await answerRequest(true))
  if (kind === 'slow') await delay(seconds)
  const answer = kind === 'slow' || kind.startsWith('case-then-') ? await answerRequest() : errorPage(status)
  switch (kind.replace('case-then-', '')) {
    case 'reset':
      return destroyConnection(ctx)
    case 'hang':
      // The response stays open until the client closes the connection or the stand-in stops.
      ctx.respond = false
      return
    case 'half':
      return sendHalf(ctx, answer)
    case 'html':
      return send(ctx, errorPage(200))
    case 'answer':
      return send(ctx, programmed(failure, kind === 'answer' ? '' : answer.body))
    case 'empty':
      return send(ctx, { status: 200, type: 'text/plain', body: '' })
    case 'status':
      return send(ctx, errorPage(status))
    case 'redirect':
      return send(ctx, errorPage(302, { Location: `https://elsewhere.invalid${ctx.url}` }))
    case 'unauthorised':
      return send(ctx, errorPage(401))
    case 'forbidden':
      return send(ctx, errorPage(403))
    case 'too-many-requests':
      return send(ctx, errorPage(429, { 'Retry-After': String(seconds) }))
    default:
      return send(ctx, answer)
  }
}

/** The answer that a failure describes, in place of `plain`. */
function programmed({ status = 200, type = 'text/plain', headers = {}, body = PROXY_TEXT }: Failure, plain: string) {
  const [, caseId = ''] = /caseid(?:>|":")(\d+)/i.exec(plain) ?? []
  return { status, type, headers, body: body.replaceAll('{caseid}', caseId) }
}

// What a proxy says, with any status, when it has no connection to the server behind it.
const PROXY_TEXT = 'upstream connect error or disconnect/reset before headers'

function send(ctx: Koa.Context, { status, type, body, headers = {} }: Answer): void {
  ctx.status = status
  const encoding = Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-encoding')?.[1]
  const compress = COMPRESS[encoding ?? '']
  ctx.body = compress === undefined ? body : compress(body)
  ctx.set(headers)
  if (type === '') ctx.remove('Content-Type')
  else ctx.set('Content-Type', type)
  // Koa changes the status to 204 when the body is empty.
  ctx.status = status
}

const COMPRESS: Readonly<Record<string, (body: string) => Buffer>> = {
  gzip: gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
}

async function sendHalf(ctx: Koa.Context, { status, type, body }: Answer): Promise<void> {
  ctx.respond = false
  ctx.res.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
  await new Promise<void>((resolve) => ctx.res.write(body.slice(0, body.length / 2), () => resolve()))
  ctx.req.socket.destroy()
}

function destroyConnection(ctx: Koa.Context): void {
  ctx.respond = false
  ctx.req.socket.destroy()
}

function delay(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000).unref())
}
