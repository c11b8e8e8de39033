/** The operator's page as a Koa application: routes, identity and rendering. */

import { createApp } from '@formbuilder/secure-server'
import Router from '@koa/router'
import type Koa from 'koa'
import type { Middleware } from 'koa'
import { AdapterError, ERRORS } from '../../errors.ts'
import { pausedForms } from '../../store/pauses.ts'
import type { ReportFailure } from '../../telemetry/failures.ts'
import { showActions } from './actions.ts'
import { assets } from './assets.ts'
import { showDeadLetters } from './dead-letters.ts'
import { askDecision, takeDecision } from './decisions.ts'
import { exportSubmissions } from './export.ts'
import { askPause, showForms, takePause } from './forms.ts'
import { identity, mayAct, userOf } from './identity.ts'
import { showOverview } from './overview.ts'
import { ACTING, type OperatorParts, type Show, showProblem } from './parts.ts'
import { refreshOf } from './refresh.ts'
import { showSubmission, showSubmissions } from './submissions.ts'
import { createRender } from './views.ts'

export function createOperatorApp(parts: OperatorParts): Koa {
  const app = createApp()
  const render = createRender()
  const show: Show = (ctx, view, values) => {
    ctx.type = 'text/html'
    ctx.body = render(view, {
      name: parts.name,
      user: userOf(ctx),
      mayAct: mayAct(ctx),
      path: ctx.path,
      now: new Date().toISOString(),
      paused: ctx.state[PAUSED],
      notice: parts.notices.take(ctx),
      refresh: refreshOf(ctx),
      ...values,
    })
  }
  const router = new Router()
  router.get('/', showOverview(parts, show))
  router.get('/submissions', showSubmissions(parts, show))
  router.get('/submissions.csv', exportSubmissions(parts, show, 'csv'))
  router.get('/submissions.json', exportSubmissions(parts, show, 'json'))
  router.get('/submission', showSubmission(parts, show))
  router.get('/dead-letters', showDeadLetters(parts, show))
  router.get('/actions', showActions(parts, show))
  router.get('/decide', askDecision(parts, show))
  router.post('/decide', takeDecision(parts, show))
  router.get('/forms', showForms(parts, show))
  router.get('/pause', askPause(parts, show))
  router.post('/pause', takePause(parts, show))
  app.use(headers)
  app.use(identity(parts.identity))
  app.use(problems(parts.reportFailure, show))
  app.use(assets())
  app.use(paused(parts))
  app.use(lookOnly(parts, show))
  app.use(router.routes() as unknown as Middleware) // the router's own context type extends Koa's
  app.use(router.allowedMethods() as unknown as Middleware)
  return app
}

const headers: Middleware = async (ctx, next) => {
  ctx.set('Content-Security-Policy', POLICY)
  ctx.set('Referrer-Policy', 'same-origin')
  ctx.set('X-Frame-Options', 'DENY')
  ctx.set('Cross-Origin-Opener-Policy', 'same-origin')
  ctx.set('Cross-Origin-Resource-Policy', 'same-origin')
  await next()
}

// The pages have no script, and no style except two style sheets.
const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Every page says which forms are paused. A store that does not answer says so elsewhere. */
function paused({ store }: OperatorParts): Middleware {
  return async (ctx, next) => {
    ctx.state[PAUSED] = pausedForms(await store.forms().catch(() => []))
    await next()
  }
}

const PAUSED = 'paused forms'

/** Keeps people who may only look from everything that changes something, and from the pages that ask for it. */
function lookOnly({ emit }: OperatorParts, show: Show): Middleware {
  return async (ctx, next) => {
    const isLook = (ctx.method === 'GET' || ctx.method === 'HEAD') && !ACTING.includes(ctx.path)
    if (isLook || mayAct(ctx)) return await next()
    emit({ event: 'operator.refused', why: 'read-only' })
    showProblem(ctx, show, 403, 'you may look, and not act: ask the person who runs this page if you need to')
  }
}

function problems(reportFailure: ReportFailure, show: Show): Middleware {
  return async (ctx, next) => {
    try {
      await next()
      if (ctx.status === 404 && ctx.body === undefined) throw new AdapterError('ERR_NOT_FOUND', 'no such page')
      // The router says which methods there are.
      if (ctx.status === 405 || ctx.status === 501) {
        showProblem(ctx, show, 405, `this page answers ${ctx.response.get('Allow')} only`)
      }
    } catch (error) {
      const known = error instanceof AdapterError ? error : undefined
      const status = known === undefined ? clientStatus(error) : ERRORS[known.code].status
      if (known === undefined && status === undefined) reportFailure('operator', error)
      showProblem(
        ctx,
        show,
        status ?? 500,
        known?.message ?? (status === undefined ? undefined : 'the form that was sent cannot be read'),
      )
    }
  }
}

/** The status of an error of the parser of forms: what was sent is wrong. */
function clientStatus(error: unknown): number | undefined {
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 500
  return status >= 400 && status < 500 ? status : undefined
}
