/** Redrives, discards or retries now exactly the submissions that were shown, after asking for a reason. */
import type { Context, Middleware } from 'koa'
import { type ActionName, type ActionRequest, type Plan, REASON_LENGTH, reasonProblem, STATE_OF } from '../actions.ts'
import { erasureText } from '../erasure.ts'
import { waitsText } from '../pauses.ts'
import { filterOf, filterWords, listQuery, type Shown } from './filter.ts'
import { userOf } from './identity.ts'
import { field, type OperatorParts, type Show, showProblem } from './parts.ts'
import { postedForm } from './posted.ts'

/** Shows the chosen submissions and asks for the reason. */
export function askDecision(parts: OperatorParts, show: Show): Middleware {
  return async (ctx) => {
    const { searchParams } = ctx.URL
    const asked = askedOf(searchParams)
    if ('problem' in asked) {
      showProblem(ctx, show, asked.status, asked.problem, back(searchParams))
      return
    }
    const plan = await parts.ledger.plan(asked.request)
    if (plan.count + plan.leftOut.uncertain === 0) {
      showProblem(ctx, show, 404, plan.leftOut.changed ? CHANGED : nothing(plan.action), back(searchParams))
      return
    }
    await showForm(ctx, show, parts, { ...asked, plan })
  }
}

/** Does what was decided, then redirects to a list. */
export function takeDecision(parts: OperatorParts, show: Show): Middleware {
  const { ledger, notices, stopping } = parts
  const posted = postedForm(parts, show)
  return async (ctx) => {
    const body = await posted(ctx)
    if (body === undefined) return
    const asked = askedOf(body, true)
    if ('problem' in asked) {
      showProblem(ctx, show, 422, asked.problem, back(body))
      return
    }
    const includeUncertain = field(body, 'include') === 'uncertain'
    const plan = await ledger.plan({ ...asked.request, includeUncertain })
    const reason = field(body, 'reason')
    const problem = reasonProblem(reason, plan.needsReason)
    const form = { ...asked, plan, reason, includeUncertain }
    if (problem !== undefined) {
      ctx.status = 422
      await showForm(ctx, show, parts, { ...form, problem })
    } else if (includeUncertain && plan.doubtful > 0 && field(body, 'doubtful') !== String(plan.doubtful)) {
      await showForm(ctx, show, parts, { ...form, isSecond: true })
    } else {
      // A client that is gone changes nothing: what was decided is done. A long action is cut short before a proxy gives up.
      const signal = AbortSignal.any([stopping, AbortSignal.timeout(MOST_SECONDS * 1000)])
      const record = { by: userOf(ctx), reason: reason === '' ? null : reason }
      const { count, leftOut, settling, remaining } = await ledger.carryOut(plan, record, signal)
      notices.leave(ctx, { done: WORDS[plan.action], count, ...leftOut, remaining, until: settling?.until })
      ctx.status = 303
      ctx.redirect(listOf(body) ?? (plan.action === 'retry-now' ? '/submissions?state=waiting' : '/dead-letters'))
    }
  }
}

const WORDS: Readonly<Record<ActionName, string>> = {
  redrive: 'redriven',
  discard: 'discarded',
  'retry-now': 'made due now',
}

/** Largest number of submissions that are chosen one by one. All that a filter matches have no limit. */
const MOST = 1000
/** Proxies wait for 30 or 60 seconds. */
const MOST_SECONDS = 20
const UNKNOWN = 'the filter has a field that no filter has: go back and reload the page'
const CHANGED = 'the submissions you chose have changed since they were shown: go back and reload the page'

function nothing(action: ActionName): string {
  return `nothing matches, or the submissions you chose are no longer ${STATE_OF[action] === 'dead' ? 'dead letters' : 'waiting'}`
}

/** The list that a person came from. */
function listOf(fields: URLSearchParams): string | undefined {
  if (!fields.has('list')) return undefined
  const query = listQuery(field(fields, 'list'))
  return query === '' ? '/submissions' : `/submissions?${query}`
}

function back(fields: URLSearchParams): { readonly href: string; readonly text: string } | undefined {
  const href = listOf(fields)
  return href === undefined ? undefined : { href, text: 'Go back to the list' }
}

/** What a person asks for. */
interface Asked {
  readonly request: ActionRequest
  /** The fields of a filter, if it is for all that match. */
  readonly shown?: Shown
  readonly list: string | undefined
}

interface Decision extends Asked {
  readonly plan: Plan
  readonly reason?: string
  readonly problem?: string
  readonly includeUncertain?: boolean
  /** The second question, before uncertain ones are included. */
  readonly isSecond?: boolean
}

async function showForm(ctx: Context, show: Show, { ledger, csrf, keep }: OperatorParts, decision: Decision) {
  const { plan, request, shown, list } = decision
  const { action } = plan
  // They are posted with the others: only then it is decided whether they are included.
  const posted =
    shown !== undefined
      ? []
      : decision.includeUncertain || plan.leftOut.uncertain === 0
        ? plan.entries
        : (await ledger.plan({ ...request, includeUncertain: true })).entries
  const seen = request.shown ?? { count: plan.count + plan.leftOut.uncertain, until: plan.until }
  show(ctx, 'decide', {
    ...decision,
    action,
    isNamed: request.isNamed,
    entries: plan.entries,
    posted,
    total: plan.count,
    all: shown && {
      words: filterWords(shown),
      fields: Object.entries(shown).flatMap(([name, value]) => (value === '' ? [] : [[`${OF}${name}`, value]])),
      seen,
    },
    list,
    back: listOf(new URLSearchParams(list === undefined ? {} : { list })),
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
 * Chosen submissions, as `id` or `id.revision`; or what a filter matches. What was posted names what was shown:
 * the revision of each, or how many matched and when the last of them changed. Without it, all count as changed.
 */
function askedOf(
  fields: URLSearchParams,
  isPosted = false,
): Asked | { readonly problem: string; readonly status: number } {
  const action = (['redrive', 'discard', 'retry-now'] as const).find((each) => each === fields.get('action'))
  if (action === undefined) return { problem: 'the action must be redrive, discard or retry-now', status: 404 }
  const list = fields.has('list') ? field(fields, 'list') : undefined
  const all = allOf(fields)
  if (all !== undefined) {
    const { filter, shown, problems } = filterOf(all)
    if ([...all.keys()].some((name) => !Object.hasOwn(shown, name))) return { problem: UNKNOWN, status: 422 }
    if (problems.length > 0) return { problem: problems.map(({ text }) => text).join('. '), status: 422 }
    if (filter.state !== undefined && filter.state !== STATE_OF[action]) {
      return { problem: nothing(action), status: 404 }
    }
    const seen = { count: whole(fields, 'count'), until: whole(fields, 'until') }
    return { request: { action, filter, ...(isPosted && { shown: seen }) }, shown, list }
  }
  const rows = fields
    .getAll('id')
    .slice(0, MOST)
    .map((each) => each.split('.'))
  if (rows.length === 0) return { problem: 'choose at least one submission first: tick the box beside it', status: 422 }
  const ids = rows.map(([id = '']) => id)
  const seen = new Map(
    rows.flatMap(([id = '', revision]) => (revision === undefined && !isPosted ? [] : [[id, Number(revision ?? -1)]])),
  ) as ReadonlyMap<string, number>
  const request = {
    action,
    filter: { ids },
    isNamed: ids.length === 1 && (!isPosted || field(fields, 'named') === '1'),
    ...(seen.size > 0 && { seen }),
  }
  return { request, list }
}

/**
 * The fields of the filter, which have names of their own here, because a decision has a reason too; or a form and a code.
 * A field that no filter has would be left out, and more would match: it is kept, and refused.
 */
function allOf(fields: URLSearchParams): URLSearchParams | undefined {
  if (field(fields, 'all') === '1') {
    const named = [...fields].filter(([name]) => name.startsWith(OF))
    return new URLSearchParams(named.map(([name, value]): [string, string] => [name.slice(OF.length), value]))
  }
  const [form, code] = [field(fields, 'form'), field(fields, 'code')]
  return form === '' || code === '' ? undefined : new URLSearchParams({ form, code })
}

const OF = 'of_'

function whole(fields: URLSearchParams, name: string): number {
  const text = field(fields, name)
  return /^\d{1,16}$/.test(text) ? Number(text) : 0
}
