/** Redrives or discards exactly the dead letters that were shown, after asking for a reason. */
import { contentCodings } from '@formbuilder/secure-server'
import type { Context, Middleware } from 'koa'
import bodyParser from 'koa-bodyparser'
import type { Entry, Filter } from '../../store/entry.ts'
import { userOf } from './identity.ts'
import { field, type OperatorParts, type Show, showProblem } from './parts.ts'

/** Shows the chosen dead letters and asks for the reason. */
export function askDecision({ ledger, csrf }: OperatorParts, show: Show): Middleware {
  return async (ctx) => {
    const { searchParams } = ctx.URL
    const action = actionOf(searchParams)
    const entries =
      action === undefined ? [] : await ledger.list({ ...filterOf(searchParams), state: 'dead', limit: MOST })
    if (action === undefined || entries.length === 0) {
      showProblem(ctx, show, 404, 'nothing was chosen, or the submissions you chose are no longer dead letters')
      return
    }
    showForm(ctx, show, { action, entries, token: csrf.token(ctx) })
  }
}

/** Redrives or discards, then redirects to the list of dead letters. */
export function takeDecision({ ledger, csrf, emit }: OperatorParts, show: Show): Middleware {
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
    if (!csrf.isOurs(ctx, body.get('token') ?? '')) {
      emit({ event: 'operator.refused', why: 'csrf' })
      showProblem(
        ctx,
        show,
        403,
        'the form was not sent from this page, or is out of date: go back and reload the page',
      )
      return
    }
    const action = actionOf(body)
    const filter = { ids: body.getAll('id').slice(0, MOST), state: 'dead' } as const
    const reason = field(body, 'reason')
    const problem = problemOf(reason)
    if (action === undefined) {
      showProblem(ctx, show, 422, 'the action must be redrive or discard')
    } else if (problem !== undefined) {
      ctx.status = 422
      const entries = await ledger.list({ ...filter, limit: MOST })
      showForm(ctx, show, { action, entries, token: csrf.token(ctx), reason, problem })
    } else {
      const count = await ledger[action](filter, userOf(ctx), reason)
      ctx.status = 303
      ctx.redirect(`/dead-letters?done=${action === 'redrive' ? 'redriven' : 'discarded'}&count=${count}`)
    }
  }
}

/** Largest number of submissions in one decision. */
const MOST = 1000
const REASON_LENGTH = 500

interface Decision {
  readonly action: 'redrive' | 'discard'
  readonly entries: readonly Entry[]
  readonly token: string
  readonly reason?: string
  readonly problem?: string
}

function showForm(ctx: Context, show: Show, decision: Decision): void {
  const uncertain = decision.entries.filter((entry) => entry.uncertain).length
  const missing = decision.entries.filter((entry) => entry.missingFiles > 0).length
  show(ctx, 'decide', { ...decision, uncertain, missing, most: MOST, reasonLength: REASON_LENGTH })
}

function actionOf(fields: URLSearchParams): 'redrive' | 'discard' | undefined {
  const action = fields.get('action')
  return action === 'redrive' || action === 'discard' ? action : undefined
}

/** Chosen submissions, or a group by form and code. Selects nothing if neither is given. */
function filterOf(fields: URLSearchParams): Filter {
  const isGroup = fields.has('form') && fields.has('code')
  return isGroup ? { form: field(fields, 'form'), code: field(fields, 'code') } : { ids: fields.getAll('id') }
}

function problemOf(reason: string): string | undefined {
  if (reason === '') return 'Enter a reason'
  return reason.length > REASON_LENGTH ? `Reason must be ${REASON_LENGTH} characters or less` : undefined
}
