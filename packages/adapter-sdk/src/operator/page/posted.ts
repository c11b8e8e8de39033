/** Reads a form that was posted to the page, and refuses one of another page. */
import { contentCodings } from '@formbuilder/secure-server'
import type { Context } from 'koa'
import bodyParser from 'koa-bodyparser'
import { type OperatorParts, type Show, showProblem } from './parts.ts'

/** Returns the fields of a posted form. Undefined: it is not ours, and the answer says so. */
export function postedForm(
  { csrf, emit }: OperatorParts,
  show: Show,
): (ctx: Context) => Promise<URLSearchParams | undefined> {
  const read = bodyParser({
    enableTypes: ['text'],
    extendTypes: { text: ['application/x-www-form-urlencoded'] },
    textLimit: '256kb',
  })
  return async (ctx) => {
    // The parser compares the coding literally: one that names nothing is none.
    if (contentCodings(ctx.get('Content-Encoding')).length === 0) delete ctx.request.headers['content-encoding']
    await read(ctx, async () => undefined)
    const body = new URLSearchParams(String(ctx.request.rawBody ?? ''))
    if (csrf.isOurs(ctx, body.get('token') ?? '')) return body
    emit({ event: 'operator.refused', why: 'csrf' })
    showProblem(ctx, show, 403, NOT_OURS)
    return undefined
  }
}

const NOT_OURS = 'the form was not sent from this page, or is out of date: go back and reload the page'
