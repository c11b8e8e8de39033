/** What every page needs, and how a page is shown. */
import type { Context } from 'koa'
import type { Emit } from '../../events.ts'
import type { Form } from '../../form.ts'
import type { Operating, Store } from '../../store/store.ts'
import type { ReportFailure } from '../../telemetry/failures.ts'
import type { KeyFigures } from '../../telemetry/gauges.ts'
import type { KeepDays } from '../erasure.ts'
import type { Ledger } from '../ledger.ts'
import type { Advise } from './advice.ts'
import type { Csrf } from './csrf.ts'
import type { IdentityOptions } from './identity.ts'
import type { Links } from './links.ts'
import type { Notices } from './notice.ts'

/** What the pages need. */
export interface OperatorParts {
  readonly ledger: Ledger
  readonly store: Operating & Pick<Store, 'kind' | 'check'>
  readonly self: ThisProcess
  readonly forms: readonly string[]
  /** What each of them does with what failed. */
  readonly declared: ReadonlyMap<string, Form>
  /** Retries after the first attempt. */
  readonly retryLimit: number
  /** To the trace and the log of a submission. */
  readonly links: Links
  /** Name of the adapter, in the heading. */
  readonly name: string
  readonly advise: Advise
  readonly csrf: Csrf
  readonly notices: Notices
  /** Aborts when the process stops: an action ends after what it is doing. */
  readonly stopping: AbortSignal
  readonly identity: IdentityOptions
  /** How long things are kept after a discard. */
  readonly keep: KeepDays
  readonly emit: Emit
  readonly reportFailure: ReportFailure
}

/** What the process says of itself. */
export interface ThisProcess {
  readonly version: string
  readonly role: string
  /** Whole days until the first of its certificates expires; undefined: it has none. */
  readonly certificateDaysLeft: () => number | undefined
  readonly keys: () => Promise<KeyFigures>
  /** Forms with submissions whose key was removed, when the process started. */
  readonly missingKeys: () => readonly string[]
}

/** Shows a view with its values, and those that every view has. */
export type Show = (ctx: Context, view: string, values: Readonly<Record<string, unknown>>) => void

/** The pages that ask for an action. */
export const ACTING: readonly string[] = ['/decide', '/pause']

/** First value of a field in a query or a form, or an empty string. */
export function field(fields: URLSearchParams, name: string): string {
  // PostgreSQL's text cannot hold a NUL: the query would fail, and the answer would be 500.
  return (fields.get(name) ?? '').replaceAll('\0', '').trim()
}

/** Number of the requested page of a list, from 1. */
export function pageNumber(ctx: Context): number {
  return Math.max(1, Math.min(MOST_PAGES, Math.trunc(Number(field(ctx.URL.searchParams, 'page'))) || 1))
}

/** Last page of a list. Nobody reads further. */
export const MOST_PAGES = 200

/** A page that explains why something was not done. `back`: where to go on; default the overview. */
export function showProblem(
  ctx: Context,
  show: Show,
  status: number,
  detail: string | undefined,
  back = { href: '/', text: 'Go to the overview' },
): void {
  ctx.status = status
  show(ctx, 'problem', { heading: HEADINGS[status] ?? 'Something went wrong', detail, back })
}

const HEADINGS: Readonly<Record<number, string>> = {
  403: 'Nothing was changed',
  404: 'Not found',
  405: 'A page cannot be asked for like that',
  413: 'Nothing was changed',
  409: 'You cannot do this now',
  422: 'Nothing was changed',
}
