/** What every page is made of, and how a page is shown. */
import type { Context } from 'koa'
import type { Emit } from '../../events.ts'
import type { Database } from '../../store/database.ts'
import type { Ledger } from '../ledger.ts'
import type { Advise } from './advice.ts'
import type { Csrf } from './csrf.ts'
import type { IdentityOptions } from './identity.ts'

/** What the pages are made of. */
export interface OperatorParts {
  readonly ledger: Ledger
  readonly database: Database
  readonly forms: readonly string[]
  /** Name of the adapter, in the heading. */
  readonly name: string
  readonly advise: Advise
  readonly csrf: Csrf
  readonly identity: IdentityOptions
  readonly emit: Emit
}

/** Shows a view, with what all of them have. */
export type Show = (ctx: Context, view: string, values: Readonly<Record<string, unknown>>) => void

/** Every page by its path. The list is closed, so that the server knows all paths. */
export const PAGES = ['/', '/submissions', '/submission', '/dead-letters', '/decide', '/actions'] as const

/** The first value of a name in a query or a form, blank when it is not there. */
export function field(fields: URLSearchParams, name: string): string {
  // PostgreSQL's text cannot hold a NUL, and would call it a failure of ours.
  return (fields.get(name) ?? '').replaceAll('\0', '').trim()
}

/** Which page of a list is asked for, from 1. */
export function pageNumber(ctx: Context): number {
  return Math.max(1, Math.min(MOST_PAGES, Math.trunc(Number(field(ctx.URL.searchParams, 'page'))) || 1))
}

/** More than anybody turns over. */
export const MOST_PAGES = 200

/** A page that explains why something was not done. */
export function showProblem(ctx: Context, show: Show, status: number, detail: string | undefined): void {
  ctx.status = status
  show(ctx, 'problem', { heading: HEADINGS[status] ?? 'Something went wrong', detail })
}

const HEADINGS: Readonly<Record<number, string>> = {
  403: 'This was not done',
  404: 'Not found',
  409: 'This is not possible now',
  422: 'This was not done',
}
