/** Carries what an action has done to the next page, which shows it once: a reload does not show it again. */
import type { Context } from 'koa'

/** What an action has done, on submissions or on a form: counts, a time and a name only. */
export type Notice = DoneToMany | DoneToForm

/** What an action on submissions has done. */
export interface DoneToMany {
  /** Such as `redriven`. */
  readonly done: string
  readonly count: number
  /** Left out. */
  readonly uncertain: number
  readonly changed: number
  /** Not done: the action was cut short. */
  readonly remaining: number
  /** Uncertain ones are not asked about before (ISO 8601). */
  readonly until?: string | undefined
}

/** What an action on a form has done. */
export interface DoneToForm {
  /** Such as `paused`. */
  readonly done: string
  readonly form: string
}

/** A cookie of this browser. `isSecure`: whether the browser uses HTTPS. */
export class Notices {
  readonly #isSecure: (ctx: Context) => boolean

  constructor(isSecure: (ctx: Context) => boolean) {
    this.#isSecure = isSecure
  }

  /** Leaves it for the next page. */
  leave(ctx: Context, notice: Notice): void {
    this.#set(ctx, Buffer.from(JSON.stringify(notice)).toString('base64url'), SECONDS)
  }

  /** What was left, which is gone from then on. */
  take(ctx: Context): Notice | undefined {
    const held = ctx.cookies.get(this.#name(ctx))
    if (held === undefined || ctx.method !== 'GET') return undefined
    this.#set(ctx, '', 0)
    return parsed(held)
  }

  #set(ctx: Context, value: string, seconds: number): void {
    const secure = this.#isSecure(ctx) ? '; Secure' : ''
    ctx.append(
      'Set-Cookie',
      `${this.#name(ctx)}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`,
    )
  }

  /** As the cookie of forms: no other host can set it. */
  #name(ctx: Context): string {
    return this.#isSecure(ctx) ? '__Host-done' : 'done'
  }
}

/** A page that is loaded later shows what is true then. */
const SECONDS = 60

function parsed(text: string): Notice | undefined {
  try {
    const { done, form, count, uncertain, changed, remaining, until } = JSON.parse(
      Buffer.from(text, 'base64url').toString(),
    )
    if (FORM_WORDS.includes(done) && typeof form === 'string') return { done, form }
    const isNotice =
      WORDS.includes(done) &&
      [count, uncertain, changed, remaining].every((each) => Number.isSafeInteger(each) && each >= 0) &&
      (until === undefined || !Number.isNaN(Date.parse(until)))
    return isNotice ? { done, count, uncertain, changed, remaining, until } : undefined
  } catch {
    return undefined
  }
}

const WORDS = ['redriven', 'discarded', 'made due now']
const FORM_WORDS = ['paused', 'resumed']
