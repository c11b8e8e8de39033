/** What every page needs, and how a page is shown. */
import type { Context } from 'koa'
import type { Emit } from '../../events.ts'
import type { Operating, Store } from '../../store/store.ts'
import type { ReportFailure } from '../../telemetry/failures.ts'
import type { KeyFigures } from '../../telemetry/gauges.ts'
import type { KeepDays } from '../erasure.ts'
import type { Ledger } from '../ledger.ts'
import type { Advise } from './advice.ts'
import type { Csrf } from './csrf.ts'
import type { IdentityOptions } from './identity.ts'

/** What the pages need. */
export interface OperatorParts {
  readonly ledger: Ledger
  readonly store: Operating & Pick<Store, 'kind' | 'check'>
  readonly self: ThisProcess
  readonly forms: readonly string[]
  /** Name of the adapter, in the heading. */
  readonly name: string
  readonly advise: Advise
  readonly csrf: Csrf
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

/** Every page by its path. The list is closed, so that the server knows all paths. */
export const PAGES = [
  ...['/', '/submissions', '/submission', '/dead-letters', '/decide', '/actions'],
  ...['/forms', '/pause'],
] as readonly string[]

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

/** A page that explains why something was not done. */
export function showProblem(ctx: Context, show: Show, status: number, detail: string | undefined): void {
  ctx.status = status
  show(ctx, 'problem', { heading: HEADINGS[status] ?? 'Something went wrong', detail })
}

const HEADINGS: Readonly<Record<number, string>> = {
  403: 'Nothing was changed',
  404: 'Not found',
  409: 'You cannot do this now',
  422: 'Nothing was changed',
}
