/** Receives submissions over HTTP: reads a POST, decrypts it, has it accepted and answers. */
import { contentCodings } from '@formbuilder/secure-server'
import Router from '@koa/router'
import type { Context, Middleware, Next } from 'koa'
import bodyParser from 'koa-bodyparser'
import { AdapterError } from '../errors.ts'
import type { Emit } from '../events.ts'
import { decryptCompact } from '../protocol/jwe.ts'
import type { Keyring } from '../protocol/keyring.ts'
import { parseSubmission } from '../protocol/submission.ts'
import type { AcceptSubmission } from './intake.ts'
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
  /** What this adapter says about itself to a sender that holds a key. */
  readonly identity: Identity
  readonly acceptSubmission: AcceptSubmission
  readonly emit: Emit
}

/** Koa middleware that receives submissions at the paths of the forms. */
export function receiver(options: ReceiverOptions): Middleware {
  const router = new Router()
  const readBody = bodyParser({
    enableTypes: ['text'],
    extendTypes: { text: TEXT_TYPES },
    textLimit: `${options.bodyLimitBytes}b`,
    ...BYTE_FOR_BYTE,
  })
  const read = (ctx: Context, form: ReceivingForm): Promise<void> => {
    ctx.state['form'] = form.name
    requireTextType(ctx)
    return readBody(ctx, () => receive(ctx, form, options))
  }
  const exact = new Map<string, ReceivingForm>()
  for (const form of options.forms) {
    const paths = [form.path, ...(form.aliases ?? [])]
    for (const path of paths) exact.set(path, form)
    router.post(paths, (ctx) => read(ctx, form))
  }
  const routes = router.routes() as unknown as Middleware // the router's own context type extends Koa's
  return async (ctx, next) => {
    // The path as the sender writes it takes one look-up; the router knows its other spellings.
    const form = ctx.method === 'POST' ? exact.get(ctx.path) : undefined
    if (form !== undefined) await read(ctx, form)
    else await routes(ctx, () => noteUnmatched(ctx, next, options))
  }
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
    throw new AdapterError('ERR_SUBMISSION_INVALID', 'serviceSlug is not a service of this form')
  }
  const accepted = await options.acceptSubmission(
    form.name,
    envelope,
    jwe,
    keyPosition,
    ctx.get('traceparent') || undefined,
  )

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

// Form Builder labels its bare token as a form (libcurl's default type). The other two types are correct ones.
const TEXT_TYPES = ['application/x-www-form-urlencoded', 'application/jose', 'text/plain']

// A compact JWE is ASCII. Reading the body as UTF-8 would drop a byte order mark. The parser's types lack this option.
const BYTE_FOR_BYTE = { encoding: 'binary' }

function requireTextType(ctx: Context): void {
  const claimed = ctx.get('Content-Type').split(';')[0]?.trim().toLowerCase() ?? ''
  if (claimed !== '' && !TEXT_TYPES.includes(claimed)) {
    throw new AdapterError('ERR_MEDIA_TYPE_UNSUPPORTED', 'send the compact JWE as application/jose or text/plain')
  }
  if (contentCodings(ctx.get('Content-Encoding')).length > 0) {
    throw new AdapterError('ERR_MEDIA_TYPE_UNSUPPORTED', 'the body must not have a content encoding')
  }
  // The parser recognises no coding but `identity`, in small letters and alone.
  delete ctx.request.headers['content-encoding']
  ctx.request.headers['content-type'] = 'text/plain' // the parser skips a body without a known type
}
