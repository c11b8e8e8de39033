/** POST -> 2xx, 4xx, 5xx: the only module that knows HTTP. What it may do, it is given. */
import Router from '@koa/router'
import type { Context, Middleware, Next } from 'koa'
import Koa from 'koa'
import bodyParser from 'koa-bodyparser'
import { AdapterError } from '../errors.ts'
import type { Emit } from '../events.ts'
import { decryptCompact } from '../protocol/jwe.ts'
import type { Keyring } from '../protocol/keyring.ts'
import { parseSubmission, type SubmissionEnvelope } from '../protocol/submission.ts'
import type { Accepted } from '../store/submission.ts'
import { answerIfChallenge, type Identity } from './proof.ts'

/** A form as the receiver sees it. */
export interface ReceivingForm {
  readonly name: string
  readonly path: string
  readonly aliases?: readonly string[]
  readonly services?: readonly string[] | undefined
}

export interface ReceiverOptions {
  readonly forms: readonly ReceivingForm[]
  readonly bodyLimitBytes: number
  readonly keyring: (form: string) => Keyring
  /** What a sender that holds a key is told of this adapter. */
  readonly identity: Identity
  /** Takes a submission in: its files first, then itself. */
  readonly accept: (form: string, envelope: SubmissionEnvelope, jwe: string, traceparent?: string) => Promise<Accepted>
  readonly emit: Emit
}

/** Koa middleware that receives submissions at the forms' paths. */
export function receiver(options: ReceiverOptions): Middleware {
  const router = new Router()
  const read = bodyParser({
    enableTypes: ['text'],
    extendTypes: { text: TEXT_TYPES },
    textLimit: `${options.bodyLimitBytes}b`,
    ...BYTE_FOR_BYTE,
  })
  for (const form of options.forms) {
    const ofForm: Middleware = (ctx, next) => {
      ctx.state['form'] = form.name
      return next()
    }
    const paths = [form.path, ...(form.aliases ?? [])]
    router.post(paths, ofForm, requireTextType, read, (ctx) => receive(ctx, form, options))
  }
  const routes = router.routes() as unknown as Middleware // the router's own context type extends Koa's
  return (ctx, next) => routes(ctx, () => unmatched(ctx, next, options))
}

/** Tells of a POST that nobody answers: most likely the path of a form and the sender's endpoint differ. */
async function unmatched(ctx: Context, next: Next, { forms, emit }: ReceiverOptions): Promise<void> {
  await next()
  if (ctx.method !== 'POST' || ctx.status !== 404 || ctx.body !== undefined) return
  // Anybody may send anything as a path. Shown is what a form could have; the rest might be somebody's name, or a token.
  const path = FORM_PATH.test(ctx.path) ? ctx.path : '(no path that a form could have)'
  const detail = 'no form has this path: change the endpoint in Form Builder, or the path of the form'
  emit({ event: 'submission.unmatched', path, forms: forms.map((form) => form.path), detail })
}

const FORM_PATH = /^(?=.{1,64}$)(\/[\w.~-]{1,32}){1,4}\/?$/

async function receive(ctx: Context, form: ReceivingForm, options: ReceiverOptions): Promise<void> {
  const started = performance.now()
  const jwe = String(ctx.request.rawBody ?? '')
  const keyring = options.keyring(form.name)
  const { plaintext, keyPosition } = await decryptCompact(jwe, keyring)
  if (await answerIfChallenge(ctx, plaintext, keyring.keys[keyPosition], form.name, options.identity)) {
    options.emit({ event: 'endpoint.proven', form: form.name, keyPosition })
    return
  }
  const envelope = parseSubmission(plaintext)
  if (form.services !== undefined && !form.services.includes(envelope.serviceSlug)) {
    throw new AdapterError('ERR_SUBMISSION_INVALID', 'serviceSlug is not one of this form')
  }
  const accepted = await options.accept(form.name, envelope, jwe, ctx.get('traceparent') || undefined)

  const { submissionId } = envelope
  ctx.status = accepted === 'duplicate' ? 200 : 201
  ctx.body = { submissionId, status: accepted === 'duplicate' ? 'duplicate' : 'accepted' }
  const about = { form: form.name, submissionId, keyPosition }
  if (accepted === 'accepted') {
    const milliseconds = Math.round(performance.now() - started)
    const files = envelope.attachments.length
    options.emit({ event: 'submission.accepted', ...about, bytes: jwe.length, files, milliseconds })
  } else {
    options.emit({ event: accepted === 'duplicate' ? 'submission.duplicate' : 'submission.replaced', ...about })
  }
}

/** An application with nothing in it that speaks of itself. */
export function createApp(): Koa {
  const app = new Koa()
  app.silent = true // errors are told by events; Koa would print their stacks
  return app
}

// The sender claims a form and sends a bare token (libcurl's default); the others are what the field would write.
const TEXT_TYPES = ['application/x-www-form-urlencoded', 'application/jose', 'text/plain']

// A compact JWE is ASCII. Read as UTF-8, a body would lose its byte order mark. The parser's types leave this option out.
const BYTE_FOR_BYTE = { encoding: 'binary' }

async function requireTextType(ctx: Context, next: Next): Promise<void> {
  const claimed = ctx.get('Content-Type').split(';')[0]?.trim().toLowerCase() ?? ''
  if (claimed !== '' && !TEXT_TYPES.includes(claimed)) {
    throw new AdapterError('ERR_MEDIA_TYPE_UNSUPPORTED', 'send the compact JWE as application/jose or text/plain')
  }
  const encoding = ctx.get('Content-Encoding').toLowerCase()
  if (encoding !== '' && encoding !== 'identity') {
    throw new AdapterError('ERR_MEDIA_TYPE_UNSUPPORTED', 'a content encoding is not accepted')
  }
  // The parser knows no other spelling of `identity`.
  delete ctx.request.headers['content-encoding']
  ctx.request.headers['content-type'] = 'text/plain' // the parser reads by type, and would leave a body without one
  await next()
}
