/** Shows submissions by a filter, and one submission with its history, its files and what happens next. */
import type { Context, Middleware } from 'koa'
import { AdapterError } from '../../errors.ts'
import type { DetailedEntry, FileEntry, Moment } from '../../store/entry.ts'
import { erasureText } from '../erasure.ts'
import { SEARCHED } from '../search.ts'
import { type Asked, filterOf, queryOf, STATES } from './filter.ts'
import { mayAct } from './identity.ts'
import { nextText } from './next.ts'
import { field, type OperatorParts, type Show } from './parts.ts'

export function showSubmissions({ ledger, forms }: OperatorParts, show: Show): Middleware {
  return async (ctx) => {
    const asked = filterOf(ctx.URL.searchParams)
    const { filter, shown, problems } = asked
    const page = Math.max(1, Math.min(MOST_PAGES, Math.trunc(Number(field(ctx.URL.searchParams, 'page'))) || 1))
    const refresh = field(ctx.URL.searchParams, 'refresh')
    if (problems.length > 0) ctx.status = 422
    const { entries, total, searchedFrom } =
      problems.length > 0
        ? { entries: [], total: 0, searchedFrom: null }
        : await ledger.search(filter, { limit: PAGE_SIZE, offset: (page - 1) * PAGE_SIZE })
    const pages = Math.min(MOST_PAGES, Math.ceil(total / PAGE_SIZE))
    const link = (to: number) => `/submissions?${queryOf(shown, { page: String(to), refresh })}`
    const isChoosing = refresh === '' && mayAct(ctx)
    show(ctx, 'submissions', {
      filter: shown,
      problems: Object.fromEntries(problems.map((problem) => [problem.field, problem.text])),
      forms: shown.form === '' || forms.includes(shown.form) ? forms : [...forms, shown.form],
      states: STATES,
      isMore: ['reference', 'reason', 'uncertain', 'failed', 'attempts'].some(
        (name) => shown[name as keyof typeof shown] !== '',
      ),
      entries,
      isChoosing,
      hasDead: isChoosing && entries.some(({ state }) => state === 'dead'),
      hasWaiting: isChoosing && entries.some(({ state }) => state === 'waiting'),
      ...(mayAct(ctx) && allOf(asked, total)),
      total,
      searched: SEARCHED,
      searchedFrom,
      earlier: searchedFrom && `/submissions?${queryOf({ ...shown, to: searchedFrom.toISOString() })}`,
      list: queryOf(shown, page > 1 ? { page: String(page) } : {}),
      query: queryOf(shown),
      choose: `/submissions?${queryOf(shown, page > 1 ? { page: String(page) } : {})}`,
      page,
      pages,
      previous: page > 1 ? link(page - 1) : undefined,
      next: page < pages ? link(page + 1) : undefined,
    })
  }
}

export function showSubmission(parts: OperatorParts, show: Show): Middleware {
  const { ledger, store, advise, keep, declared, retryLimit, links } = parts
  return async (ctx) => {
    const entry = await ledger.show(query(ctx, 'id'))
    const timeline = entry.timeline.map((moment) => ({ ...moment, words: wordsOf(moment) }))
    const detail = await store.detail(entry.id)
    // Forgotten since: it ended long ago.
    if (detail === undefined) throw new AdapterError('ERR_SUBMISSION_NOT_FOUND', 'no submission has this id')
    const isPaused = (await store.forms()).some(({ name, paused }) => name === entry.form && paused !== null)
    show(ctx, 'submission', {
      entry,
      erasure: entry.state === 'discarded' ? erasureText(keep) : undefined,
      erased: detail.erased,
      files: detail.files.map((file) => fileText(file, entry)),
      next: nextText({ entry, detail, form: declared.get(entry.form), retryLimit, isPaused }),
      links: links({ submissionId: entry.submissionId, traceId: detail.traceId }),
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
/** All that one search can find. */
const MOST_PAGES = SEARCHED / PAGE_SIZE

/** What can be done with all that matches: a state is asked for that an action is for. */
function allOf({ filter: { state } }: Asked, total: number) {
  return {
    canRedriveAll: state === 'dead' && total > 0,
    canRetryAll: state === 'waiting' && total > 0,
  }
}

/** A file was captured when its delivery was accepted. */
function fileText(file: FileEntry, { timeline, receivedAt }: DetailedEntry) {
  const capturedAt = timeline.findLast(({ what }) => what === 'replaced')?.at ?? receivedAt
  return 'missing' in file ? { missing: file.missing } : { bytes: file.bytes, capturedAt }
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
