/** Traces with the OpenTelemetry API: one trace per submission, from the POST through every retry. No SDK, no traces. */
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Attributes,
  type Context,
  context,
  ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  type TextMapSetter,
  trace,
} from '@opentelemetry/api'
import type { Middleware } from 'koa'
import type { AdapterEvent, Emit } from '../events.ts'
import type { Claim, Ending } from '../store/claim.ts'

/** Koa middleware: opens a span for each POST to one of the paths, as a child of the sender's `traceparent`. */
export function traceRequests(paths: ReadonlyMap<string, string>): Middleware {
  return async (ctx, next) => {
    if (!isTraced()) return await next()
    const form = ctx.method === 'POST' ? paths.get(ctx.path.replace(/(.)\/$/, '$1')) : undefined
    if (form === undefined) return await next()
    // HTTP instrumentation may already have opened a span for this request.
    const parent = trace.getSpan(context.active()) ? context.active() : propagation.extract(ROOT_CONTEXT, ctx.headers)
    const attributes = { 'http.request.method': 'POST', 'http.route': ctx.path, [FORM]: form }
    await spanned(`POST ${ctx.path}`, { kind: SpanKind.SERVER, attributes }, parent, async (span) => {
      await next()
      span.setAttribute('http.response.status_code', ctx.status)
      if (ctx.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
    })
  }
}

/** Runs work in a new span, as a child of the current span. */
export function step<T>(name: string, work: () => Promise<T>, attributes: Attributes = {}): Promise<T> {
  if (!isTraced()) return work()
  return spanned(name, { attributes }, current(), work)
}

/** The current span as a `traceparent`, to be stored with a submission; undefined without an SDK. */
export function traceparent(of: Context = current()): string | undefined {
  if (!isTraced()) return undefined
  const carrier: Record<string, string> = {}
  propagation.inject(of, carrier, SET)
  return carrier['traceparent']
}

/** Runs an attempt in a span of the POST's trace, however much later, with a link to the POST's span. */
export async function traceAttempt(claim: Claim, deliver: () => Promise<Ending>): Promise<Ending> {
  const parent =
    claim.traceparent === null ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, { traceparent: claim.traceparent })
  const post = trace.getSpanContext(parent)
  const options: SpanOptions = {
    kind: SpanKind.CONSUMER,
    links: post === undefined ? [] : [{ context: post, attributes: { 'formbuilder.link': 'received' } }],
    attributes: { [FORM]: claim.form, [SUBMISSION_ID]: claim.submissionId, 'formbuilder.attempt': claim.attempt },
  }
  return await spanned('attempt', options, parent, async (span) => {
    const ending = await deliver()
    span.setAttribute('formbuilder.outcome', ending.outcome)
    if (ending.outcome !== 'delivered') {
      span.setAttribute('formbuilder.code', ending.code)
      span.setStatus({ code: SpanStatusCode.ERROR, message: ending.code })
    }
    return ending
  })
}

/** Starts a span for a call to another server, as a child of the current span. The caller ends it. */
export function startCall(attributes: Attributes): { readonly span: Span; readonly traceparent: string | undefined } {
  const parent = current()
  const span = tracer().startSpan('target', { kind: SpanKind.CLIENT, attributes }, parent)
  return { span, traceparent: traceparent(trace.setSpan(parent, span)) }
}

/** Returns a sink that adds each event to the current span. */
export function traceEvents(): Emit {
  return (event) => {
    if (!isTraced()) return
    const span = trace.getSpan(current())
    if (span?.isRecording() !== true || event.event === 'server') return
    if ('submissionId' in event) span.setAttribute(SUBMISSION_ID, event.submissionId)
    span.addEvent(event.event, attributesOf(event))
  }
}

const FORM = 'formbuilder.form'
const SUBMISSION_ID = 'formbuilder.submission_id'

// Without an SDK's context manager, `context.active()` is always the root, so we keep the context ourselves.
const running = new AsyncLocalStorage<Context>()

function current(): Context {
  return running.getStore() ?? context.active()
}

/** Whether an SDK is there, which may have been registered after the start. Without one nothing is made that nobody reads. */
export function isTraced(): boolean {
  const provider = trace.getTracerProvider()
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer(TRACER) !== undefined
}

const TRACER = '@formbuilder/adapter-sdk'

function tracer() {
  return trace.getTracer(TRACER)
}

async function spanned<T>(
  name: string,
  options: SpanOptions,
  parent: Context,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const span = tracer().startSpan(name, options, parent)
  // Without an SDK there is nothing to propagate.
  if (!trace.isSpanContextValid(span.spanContext())) return await work(span)
  const inside = trace.setSpan(parent, span)
  try {
    return await running.run(inside, () => context.with(inside, () => work(span)))
  } catch (error) {
    // The message of the error may quote the citizen, so the error is not recorded.
    span.setStatus({ code: SpanStatusCode.ERROR })
    throw error
  } finally {
    span.end()
  }
}

const SET: TextMapSetter<Record<string, string>> = {
  set(carrier, key, value) {
    carrier[key] = value
  },
}

/** The fields of an event: codes, counts and ids only. */
function attributesOf(event: Exclude<AdapterEvent, { event: 'server' }>): Attributes {
  const entries = Object.entries(event).filter(([name]) => name !== 'event' && name !== 'failure')
  return Object.fromEntries(entries.map(([name, value]) => [`formbuilder.${name}`, value]))
}
