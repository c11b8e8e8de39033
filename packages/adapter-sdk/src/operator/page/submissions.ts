/** Shows submissions by state and id, and one submission with its history. */
import type { Context, Middleware } from 'koa'
import type { Filter, Moment, State } from '../../store/entry.ts'
import { erasureText } from '../erasure.ts'
import { doneOf } from './decisions.ts'
import { field, MOST_PAGES, type OperatorParts, pageNumber, type Show } from './parts.ts'

export function showSubmissions({ ledger, forms }: OperatorParts, show: Show): Middleware {
  return async (ctx) => {
    const filter = filterOf(ctx)
    const page = pageNumber(ctx)
    const found = await ledger.list({ ...filter.ledger, limit: PAGE_SIZE + 1, offset: (page - 1) * PAGE_SIZE })
    const link = (to: number) => `/submissions?${new URLSearchParams({ ...filter.shown, page: String(to) })}`
    show(ctx, 'submissions', {
      filter: filter.shown,
      forms,
      states: STATES,
      entries: found.slice(0, PAGE_SIZE),
      hasDead: found.some(({ state }) => state === 'dead'),
      hasWaiting: found.some(({ state }) => state === 'waiting'),
      done: doneOf(ctx.URL.searchParams),
      page,
      previous: page > 1 ? link(page - 1) : undefined,
      next: found.length > PAGE_SIZE && page < MOST_PAGES ? link(page + 1) : undefined,
    })
  }
}

export function showSubmission({ ledger, advise, keep }: OperatorParts, show: Show): Middleware {
  return async (ctx) => {
    const entry = await ledger.show(query(ctx, 'id'))
    const timeline = entry.timeline.map((moment) => ({ ...moment, words: wordsOf(moment) }))
    show(ctx, 'submission', {
      entry,
      erasure: entry.state === 'discarded' ? erasureText(keep) : undefined,
      timeline,
      advice: entry.code === null ? undefined : advise(entry),
    })
  }
}

/** First value of a query parameter, or an empty string. */
export function query(ctx: Context, name: string): string {
  return field(ctx.URL.searchParams, name).slice(0, 200)
}

const PAGE_SIZE = 50
const STATES: readonly State[] = ['waiting', 'running', 'delivered', 'dead', 'discarded']

interface Shown {
  readonly id: string
  readonly state: string
  readonly form: string
  readonly code: string
  /** `yes`: only those that failed before. */
  readonly failed: string
  /** In hours; an empty string means any time. */
  readonly received: string
}

/** The filter of a request, as the ledger needs it and as the page shows it. */
function filterOf(ctx: Context): { ledger: Filter; shown: { [Name in keyof Shown]: string } } {
  const state = STATES.find((each) => each === query(ctx, 'state'))
  const [id, form, code] = [query(ctx, 'id'), query(ctx, 'form'), query(ctx, 'code')]
  // Few submissions are waiting or dead. There may be millions of delivered ones, so the default is the newest.
  const isFew = state === 'dead' || state === 'waiting' || state === 'running' || id !== ''
  const failed = query(ctx, 'failed') === 'yes' ? 'yes' : ''
  const asked = query(ctx, 'received')
  const received = isFew ? '' : asked === 'any' ? 'any' : asked === '168' ? '168' : '24'
  const receivedAfter = Number(received) > 0 ? new Date(Date.now() - Number(received) * 3_600_000) : undefined
  return {
    ledger: {
      state,
      id: id || undefined,
      form: form || undefined,
      code: code || undefined,
      ...(failed && { failed: true }),
      receivedAfter,
    },
    shown: { id, state: state ?? '', form, code, failed, received },
  }
}

function wordsOf({ what, by }: Moment): string {
  const person = by === null ? '' : ` by ${by}`
  return `${WORDS[what] ?? what}${person}`
}

const WORDS: Readonly<Record<string, string>> = {
  received: 'Received',
  'attempt started': 'Attempt started',
  acting: 'The case system may have acted from here on',
  'attempt delivered': 'Delivered',
  'attempt retry': 'Attempt failed, will be retried',
  'attempt dead': 'Attempt failed, now a dead letter',
  'attempt lost': 'Attempt lost because its process ended',
  replaced: 'Replaced by a new copy of the sender',
  'copy not taken': 'A new copy lacked a file, and did not replace this one',
  redriven: 'Redriven',
  discarded: 'Discarded',
  'retry now': 'Made due now',
}
