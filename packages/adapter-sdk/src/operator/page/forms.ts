/** Shows the forms, and pauses or resumes one after asking for a reason. */
import type { Context, Middleware } from 'koa'
import { AdapterError } from '../../errors.ts'
import { REASON_LENGTH, reasonProblem } from '../actions.ts'
import { changeForm, type FormAction } from '../pauses.ts'
import { userOf } from './identity.ts'
import { field, type OperatorParts, type Show, showProblem } from './parts.ts'
import { postedForm } from './posted.ts'

/** Shows every form that adapters recorded. */
export function showForms({ store }: OperatorParts, show: Show): Middleware {
  return async (ctx) => {
    show(ctx, 'forms', { forms: await store.forms() })
  }
}

/** Asks for the reason. */
export function askPause(parts: OperatorParts, show: Show): Middleware {
  return async (ctx) => {
    const asked = askedOf(ctx.URL.searchParams)
    const state = asked && (await parts.store.forms()).find(({ name }) => name === asked.form)
    if (asked === undefined || state === undefined) return showProblem(ctx, show, 404, 'there is no such form')
    showAsked(ctx, show, parts, asked)
  }
}

/** Does what was decided, then redirects to the forms. */
export function takePause(parts: OperatorParts, show: Show): Middleware {
  const { store, emit, notices } = parts
  const posted = postedForm(parts, show)
  return async (ctx) => {
    const body = await posted(ctx)
    if (body === undefined) return
    const asked = askedOf(body)
    if (asked === undefined) return showProblem(ctx, show, 422, 'the action must be pause or resume, of a form')
    const { action, form } = asked
    const reason = field(body, 'reason')
    const problem = reasonProblem(reason, action === 'pause')
    if (problem !== undefined) {
      ctx.status = 422
      return showAsked(ctx, show, parts, { ...asked, reason, problem })
    }
    try {
      await changeForm(store, emit, action, form, { by: userOf(ctx), reason: reason === '' ? null : reason })
    } catch (error) {
      if (!(error instanceof AdapterError) || error.code !== 'ERR_FILTER_UNKNOWN') throw error
      return showProblem(ctx, show, 404, 'there is no such form')
    }
    ctx.status = 303
    notices.leave(ctx, { done: WORDS[action], form })
    ctx.redirect('/forms')
  }
}

const ACTIONS = ['pause', 'resume'] as const satisfies readonly FormAction[]
const WORDS: Readonly<Record<FormAction, string>> = { pause: 'paused', resume: 'resumed' }

interface Asked {
  readonly action: FormAction
  readonly form: string
  readonly reason?: string
  readonly problem?: string
}

function askedOf(fields: URLSearchParams): Asked | undefined {
  const action = ACTIONS.find((each) => each === field(fields, 'action'))
  const form = field(fields, 'form')
  return action === undefined || form === '' ? undefined : { action, form }
}

function showAsked(ctx: Context, show: Show, { csrf }: OperatorParts, asked: Asked): void {
  show(ctx, 'pause', { ...asked, token: csrf.token(ctx), reasonLength: REASON_LENGTH })
}
