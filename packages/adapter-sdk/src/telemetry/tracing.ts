/** Traces (OpenTelemetry API): one from the POST to the case, through the store and every retry. Without an SDK, nothing. */
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Attributes,
  type Context,
  context,
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

/** Koa middleware: a span for each request to one of the paths, child of the `traceparent` that the sender gave. */
export function traceRequests(paths: ReadonlyMap<string, string>): Middleware {
  return async (ctx, next) => {
    const form = ctx.method === 'POST' ? paths.get(ctx.path.replace(/(.)\/$/, '$1')) : undefined
    if (form === undefined) return await next()
    // Whoever instruments HTTP already has a span for this request.
    const parent = trace.getSpan(context.active()) ? context.active() : propagation.extract(ROOT_CONTEXT, ctx.headers)
    const attributes = { 'http.request.method': 'POST', 'http.route': ctx.path, [FORM]: form }
    await spanned(`POST ${ctx.path}`, { kind: SpanKind.SERVER, attributes }, parent, async (span) => {
      await next()
      span.setAttribute('http.response.status_code', ctx.status)
      if (ctx.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
    })
  }
}

/** Runs work in a span of its own, child of the one that runs. */
export async function step<T>(name: string, work: () => Promise<T>, attributes: Attributes = {}): Promise<T> {
  return await spanned(name, { attributes }, current(), work)
}

/** The running span as a `traceparent`, to be stored beside what it is about; undefined when nobody traces. */
export function traceparent(of: Context = current()): string | undefined {
  const carrier: Record<string, string> = {}
  propagation.inject(of, carrier, SET)
  return carrier['traceparent']
}

/** Runs an attempt in a span that belongs to the trace of the POST, however much later, and is linked to it. */
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

/** A span for a call to another server, child of the one that runs. The caller ends it. */
export function startCall(attributes: Attributes): { readonly span: Span; readonly traceparent: string | undefined } {
  const parent = current()
  const span = tracer().startSpan('target', { kind: SpanKind.CLIENT, attributes }, parent)
  return { span, traceparent: traceparent(trace.setSpan(parent, span)) }
}

/** A sink of events: notes them on the span that runs, by name, form, id and code. */
export function traceEvents(): Emit {
  return (event) => {
    const span = trace.getSpan(current())
    if (span?.isRecording() !== true || event.event === 'server') return
    if ('submissionId' in event) span.setAttribute(SUBMISSION_ID, event.submissionId)
    span.addEvent(event.event, attributesOf(event))
  }
}

const FORM = 'formbuilder.form'
const SUBMISSION_ID = 'formbuilder.submission_id'

// The API keeps no context of its own: without a context manager of an SDK, `context.active()` is always the root.
const running = new AsyncLocalStorage<Context>()

function current(): Context {
  return running.getStore() ?? context.active()
}

function tracer() {
  return trace.getTracer('@formbuilder/adapter-sdk')
}

async function spanned<T>(
  name: string,
  options: SpanOptions,
  parent: Context,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const span = tracer().startSpan(name, options, parent)
  // Nobody traces: there is nothing to carry along.
  if (!trace.isSpanContextValid(span.spanContext())) return await work(span)
  const inside = trace.setSpan(parent, span)
  try {
    return await running.run(inside, () => context.with(inside, () => work(span)))
  } catch (error) {
    // Its message may quote the citizen, so the exception itself is not recorded.
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

/** Codes, counts and ids: what an event has, and nothing else. */
function attributesOf(event: Exclude<AdapterEvent, { event: 'server' }>): Attributes {
  const entries = Object.entries(event).filter(([name]) => name !== 'event')
  return Object.fromEntries(entries.map(([name, value]) => [`formbuilder.${name}`, value]))
}
