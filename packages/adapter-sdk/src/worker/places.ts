/** The places of handlers in one process: how many of each form may run, and how many more are claimed ahead. */
import type { Claim } from '../store/claim.ts'
import type { Wanted } from '../store/store.ts'

/** Gives places to attempts. One place always stays free for each other form, so that no form starves another. */
export class Places {
  readonly #forms: readonly string[]
  readonly #concurrency: number
  readonly #mayClaimAhead: boolean
  /** By form: attempts in their handler, and attempts that were claimed ahead, in their order. */
  readonly #handling = new Map<string, number>()
  readonly #claimedAhead: { readonly form: string; readonly since: number; readonly end: (isFree: boolean) => void }[] =
    []
  #hasSuspect = false
  /** Claimed, and not yet recorded how they ended. */
  #unsettled = 0
  #turn = 0
  #suspectTurn = 0
  /** Forms that got all that they wanted when they were last asked for. */
  readonly #hungry = new Set<string>()
  /** Smoothed milliseconds from the wish for more work until it is there, and in a handler. */
  #claimMilliseconds = 0
  #handlerMilliseconds = Number.POSITIVE_INFINITY

  /**
   * `mayClaimAhead`: false beside a form whose lost attempts are uncertain, because a crash would leave the outcome of all
   * that was claimed ahead unknown.
   */
  constructor(forms: readonly string[], concurrency: number, mayClaimAhead: boolean) {
    this.#forms = forms
    this.#concurrency = concurrency
    this.#mayClaimAhead = mayClaimAhead
  }

  /** Attempts in their handler, or waiting until their end is recorded. */
  get running(): number {
    return this.#unsettled - this.#claimedAhead.length
  }

  /**
   * What to claim: as many as can start, and as many again while handlers are so quick that their places would stay empty
   * during a claim. None ahead of slow handlers, which another process may start sooner. The places that no form has for
   * itself go to the forms that had more due than they could get.
   */
  wanted(): Wanted[] {
    const ahead = this.#mayClaimAhead && this.#handlerMilliseconds <= this.#claimMilliseconds * this.#concurrency
    const times = ahead ? 2 : 1
    // What a crash would leave unknown is bounded: nothing more starts while no end can be recorded.
    let left = 2 * this.#concurrency - this.#unsettled
    const spare = times * (this.#concurrency - this.#forms.length) - this.#shared((form) => this.#claimed(form), times)
    let shared = Math.max(0, spare)
    const order = rotated(this.#forms, this.#turn)
    this.#turn += 1
    const hungry = order.filter((form) => this.#hungry.has(form))
    const takers = hungry.length > 0 ? hungry : order.slice(0, 1)
    // Of the submissions that were lost before, one runs at a time, beside all others; the forms take turns.
    const suspect = this.#hasSuspect || left < 1 ? undefined : this.#forms[this.#suspectTurn % this.#forms.length]
    const wanted = order.flatMap((form) => {
      const own = Math.max(0, times - this.#claimed(form))
      const part = takers.includes(form) ? Math.ceil(shared / (takers.length - takers.indexOf(form))) : 0
      const most = Math.max(0, Math.min(own + part, left))
      shared -= Math.max(0, most - own)
      left -= most
      const suspects = form === suspect ? 1 : 0
      return most + suspects > 0 ? [{ form, most, suspects }] : []
    })
    if (suspect !== undefined) this.#suspectTurn += 1
    return wanted
  }

  /** A form that got all that it wanted may have more due. */
  got(wanted: readonly Wanted[], claims: readonly Pick<Claim, 'form' | 'losses'>[]): void {
    for (const { form, most } of wanted) {
      const count = claims.filter((claim) => claim.form === form && claim.losses === 0).length
      if (most > 0 && count >= most) this.#hungry.add(form)
      else if (count < most) this.#hungry.delete(form)
    }
  }

  /** Resolves with true when there is a place for the attempt, and with false when it is to be given back. A suspect has a place of its own. */
  async take(form: string, isSuspect: boolean): Promise<boolean> {
    this.#unsettled += 1
    if (isSuspect) this.#hasSuspect = true
    else if (this.#isFree(form)) this.#add(form, 1)
    else {
      const since = performance.now()
      return await new Promise<boolean>((resolve) => this.#claimedAhead.push({ form, since, end: resolve }))
    }
    return true
  }

  /** A handler has ended: what was claimed ahead takes its place. */
  free(form: string, isSuspect: boolean): void {
    if (isSuspect) {
      this.#hasSuspect = false
      return
    }
    this.#add(form, -1)
    const next = this.#claimedAhead.findIndex((each) => this.#isFree(each.form))
    if (next >= 0) this.#start(next)
  }

  /** The end of an attempt is recorded, or it was given back. */
  settled(): void {
    this.#unsettled -= 1
  }

  /** Gives everything back that was claimed ahead, because the process stops. */
  releaseClaimedAhead(): void {
    for (const { end } of this.#claimedAhead.splice(0)) end(false)
  }

  /** Gives back what was claimed ahead of handlers that are no longer quick: another process may have a place for it. */
  releaseDelayed(): void {
    const delayed = this.#claimedAhead.filter(({ since }) => performance.now() - since > MOST_AHEAD_MILLISECONDS)
    if (delayed.length === 0) return
    this.#handlerMilliseconds = Math.max(this.#handlerMilliseconds, MOST_AHEAD_MILLISECONDS)
    for (const each of delayed) {
      this.#claimedAhead.splice(this.#claimedAhead.indexOf(each), 1)
      each.end(false)
    }
  }

  claimTook(milliseconds: number): void {
    this.#claimMilliseconds = smoothed(this.#claimMilliseconds, milliseconds)
  }

  handlerTook(milliseconds: number): void {
    this.#handlerMilliseconds = smoothed(this.#handlerMilliseconds, milliseconds)
  }

  #start(position: number): void {
    const [next] = this.#claimedAhead.splice(position, 1)
    if (next === undefined) return
    this.#add(next.form, 1)
    next.end(true)
  }

  #isFree(form: string): boolean {
    const handling = (each: string) => this.#handling.get(each) ?? 0
    return handling(form) < 1 || this.#shared(handling, 1) < this.#concurrency - this.#forms.length
  }

  /** How many of the places that no form has for itself are taken. */
  #shared(count: (form: string) => number, own: number): number {
    return this.#forms.reduce((sum, form) => sum + Math.max(0, count(form) - own), 0)
  }

  #claimed(form: string): number {
    return (this.#handling.get(form) ?? 0) + this.#claimedAhead.filter((each) => each.form === form).length
  }

  #add(form: string, change: number): void {
    this.#handling.set(form, (this.#handling.get(form) ?? 0) + change)
  }
}

const MOST_AHEAD_MILLISECONDS = 2000

function rotated<T>(items: readonly T[], by: number): T[] {
  const first = by % items.length
  return [...items.slice(first), ...items.slice(0, first)]
}

function smoothed(before: number, now: number): number {
  return Number.isFinite(before) ? before + (now - before) / 8 : now
}
