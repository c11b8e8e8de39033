/** Receives submissions as Koa middleware, at every spelling of the forms' paths. */
import Router from '@koa/router'
import type { Context, Middleware, Next } from 'koa'
import { assertText, pathsOf, type ReceiverOptions, type ReceivingForm, receive, TEXT_TYPES } from './submissions.ts'

/** Koa middleware that receives submissions at the paths of the forms. */
export function receiver(options: ReceiverOptions): Middleware {
  const router = new Router()
  let parser: Promise<Middleware> | undefined
  for (const form of options.forms) {
    router.post(pathsOf(form), async (ctx) => {
      ctx.state['form'] = form.name
      assertText(ctx.get('Content-Type'), ctx.get('Content-Encoding'))
      // The parser recognises no coding but `identity`, in small letters and alone, and skips a body without a known type.
      delete ctx.request.headers['content-encoding']
      ctx.request.headers['content-type'] = 'text/plain'
      parser ??= bodyParser(options.bodyLimitBytes)
      await (await parser)(ctx, () => answer(ctx, form, options))
    })
  }
  const routes = router.routes() as unknown as Middleware // the router's own context type extends Koa's
  return async (ctx, next) => await routes(ctx, () => noteUnmatched(ctx, next, options))
}

/** Loaded when it is first needed: nearly every request goes the short way, and a start is quicker without it. */
async function bodyParser(limitBytes: number): Promise<Middleware> {
  const { default: parse } = await import('koa-bodyparser')
  // A compact JWE is ASCII. Reading the body as UTF-8 would drop a byte order mark. The parser's types lack this option.
  const byteForByte = { encoding: 'binary' }
  const extendTypes = { text: [...TEXT_TYPES] }
  return parse({ enableTypes: ['text'], extendTypes, textLimit: `${limitBytes}b`, ...byteForByte })
}

async function answer(ctx: Context, form: ReceivingForm, options: ReceiverOptions): Promise<void> {
  const { status, type, body } = await receive(form, ctx.path, String(ctx.request.rawBody ?? ''), options)
  ctx.status = status
  ctx.body = body
  ctx.type = type
}

/** Emits an event for a POST that nothing answers: the sender's endpoint probably has the wrong path. */
async function noteUnmatched(ctx: Context, next: Next, { forms, emit }: ReceiverOptions): Promise<void> {
  await next()
  if (ctx.method !== 'POST' || ctx.status !== 404 || ctx.body !== undefined) return
  // A caller can put a name or a token into a path, so only a path that a form could have is logged.
  const path = FORM_PATH.test(ctx.path) ? ctx.path : '(no path that a form could have)'
  const detail = 'no form has this path: change the endpoint in Form Builder or the path of the form'
  emit({ event: 'submission.unmatched', path, forms: forms.map((form) => form.path), detail })
}

const FORM_PATH = /^(?=.{1,64}$)(\/[\w.~-]{1,32}){1,4}\/?$/
