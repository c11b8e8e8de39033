/** Redrives, discards or retries now exactly the submissions that were shown, after asking for a reason. */
import type { Context, Middleware } from 'koa'
import { type ActionName, type ActionRequest, type Plan, REASON_LENGTH, reasonProblem } from '../actions.ts'
import { erasureText } from '../erasure.ts'
import { waitsText } from '../pauses.ts'
import { userOf } from './identity.ts'
import { field, type OperatorParts, type Show, showProblem } from './parts.ts'
import { postedForm } from './posted.ts'

/** Shows the chosen submissions and asks for the reason. */
export function askDecision(parts: OperatorParts, show: Show): Middleware {
  return async (ctx) => {
    const { searchParams } = ctx.URL
    const request = requestOf(searchParams)
    const plan = request && (await parts.ledger.plan(request))
    if (request === undefined || plan === undefined || plan.count + plan.leftOut.uncertain === 0) {
      const detail = plan?.leftOut.changed ? CHANGED : NOTHING
      showProblem(ctx, show, 404, detail)
      return
    }
    await showForm(ctx, show, parts, { plan, request })
  }
}

/** Does what was decided, then redirects to a list. */
export function takeDecision(parts: OperatorParts, show: Show): Middleware {
  const { ledger } = parts
  const posted = postedForm(parts, show)
  return async (ctx) => {
    const body = await posted(ctx)
    if (body === undefined) return
    const request = requestOf(body, true)
    if (request === undefined) {
      showProblem(ctx, show, 422, 'the action must be redrive, discard or retry-now')
      return
    }
    const includeUncertain = field(body, 'include') === 'uncertain'
    const plan = await ledger.plan({ ...request, includeUncertain })
    const reason = field(body, 'reason')
    const problem = reasonProblem(reason, plan.needsReason)
    const form = { plan, request, reason, includeUncertain }
    if (problem !== undefined) {
      ctx.status = 422
      await showForm(ctx, show, parts, { ...form, problem })
    } else if (includeUncertain && plan.doubtful > 0 && field(body, 'doubtful') !== String(plan.doubtful)) {
      await showForm(ctx, show, parts, { ...form, isSecond: true })
    } else {
      const done = await ledger.carryOut(plan, { by: userOf(ctx), reason: reason === '' ? null : reason })
      const { uncertain, changed } = done.leftOut
      const result = new URLSearchParams({
        done: WORDS[plan.action],
        count: String(done.count),
        ...(uncertain > 0 && { uncertain: String(uncertain) }),
        ...(changed > 0 && { changed: String(changed) }),
        ...(done.settling !== null && { until: done.settling.until }),
      })
      ctx.status = 303
      ctx.redirect(`${plan.action === 'retry-now' ? '/submissions?state=waiting&' : '/dead-letters?'}${result}`)
    }
  }
}

/** What an action has done, for the banner of the next page: counts and a time only. */
export function doneOf(fields: URLSearchParams) {
  const word = field(fields, 'done')
  const number = (name: string) => (/^\d{1,9}$/.test(field(fields, name)) ? Number(field(fields, name)) : 0)
  if (!Object.values(WORDS).includes(word) || !/^\d{1,9}$/.test(field(fields, 'count'))) return undefined
  const until = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(field(fields, 'until')) ? field(fields, 'until') : undefined
  return { done: word, count: number('count'), uncertain: number('uncertain'), changed: number('changed'), until }
}

const WORDS: Readonly<Record<ActionName, string>> = {
  redrive: 'redriven',
  discard: 'discarded',
  'retry-now': 'made due now',
}

/** Largest number of submissions that are chosen one by one. A group has no limit. */
const MOST = 1000
const CHANGED = 'the submissions you chose have changed since they were shown: go back and reload the page'
const NOTHING = 'nothing was chosen, or the submissions you chose are no longer dead letters'

interface Decision {
  readonly plan: Plan
  readonly request: ActionRequest
  readonly reason?: string
  readonly problem?: string
  readonly includeUncertain?: boolean
  /** The second question, before uncertain ones are included. */
  readonly isSecond?: boolean
}

async function showForm(ctx: Context, show: Show, { ledger, csrf, keep }: OperatorParts, decision: Decision) {
  const { plan, request } = decision
  const { action } = plan
  const shown = plan.entries
  const { form, code } = request.filter
  const group = form !== undefined && code !== undefined ? { form, code } : undefined
  // They are posted with the others: only then it is decided whether they are included.
  const posted =
    group !== undefined
      ? []
      : decision.includeUncertain || plan.leftOut.uncertain === 0
        ? shown
        : (await ledger.plan({ ...request, includeUncertain: true })).entries
  show(ctx, 'decide', {
    ...decision,
    action,
    isNamed: request.isNamed,
    entries: shown,
    posted,
    total: plan.count,
    group: group && {
      ...group,
      shown: request.shown ?? { count: plan.count + plan.leftOut.uncertain, until: plan.until },
    },
    token: csrf.token(ctx),
    uncertain: plan.doubtful,
    askedFirst: plan.askedFirst,
    waits: waitsText(plan.paused),
    leftOut: plan.leftOut,
    needsReason: plan.needsReason || plan.leftOut.uncertain > 0,
    missing: plan.missingFiles,
    reasonLength: REASON_LENGTH,
    erasure: action === 'discard' ? erasureText(keep) : undefined,
  })
}

/**
 * Chosen submissions, as `id` or `id.revision`, or a group by form and code. What was posted names the revision that was
 * shown; without one it counts as changed. Nothing is selected if neither is given.
 */
function requestOf(fields: URLSearchParams, isPosted = false): ActionRequest | undefined {
  const action = (['redrive', 'discard', 'retry-now'] as const).find((each) => each === fields.get('action'))
  if (action === undefined) return undefined
  if (fields.has('form') && fields.has('code')) {
    const shown = { count: whole(fields, 'count'), until: whole(fields, 'until') }
    // Without what was shown, nothing counts as unchanged.
    return {
      action,
      filter: { form: field(fields, 'form'), code: field(fields, 'code') },
      ...(isPosted && { shown }),
    }
  }
  const rows = fields
    .getAll('id')
    .slice(0, MOST)
    .map((each) => each.split('.'))
  const ids = rows.map(([id = '']) => id)
  const seen = new Map(
    rows.flatMap(([id = '', revision]) => (revision === undefined && !isPosted ? [] : [[id, Number(revision ?? -1)]])),
  ) as ReadonlyMap<string, number>
  return {
    action,
    filter: { ids },
    isNamed: ids.length === 1 && (!isPosted || field(fields, 'named') === '1'),
    ...(seen.size > 0 && { seen }),
  }
}

function whole(fields: URLSearchParams, name: string): number {
  const text = field(fields, name)
  return /^\d{1,16}$/.test(text) ? Number(text) : 0
}
