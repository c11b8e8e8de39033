/** Has a browser load a page again every few seconds, by a header: the pages have no script. */
import type { Context } from 'koa'
import { field } from './parts.ts'

/** The choices of a page that can refresh itself. */
export interface Refresh {
  /** Undefined: it does not. */
  readonly seconds: number | undefined
  readonly choices: readonly { readonly text: string; readonly href: string; readonly isCurrent: boolean }[]
}

/**
 * Sets the header that the address asks for, and returns the choices; undefined on a page that has none. What is ticked on a
 * page is lost when it is loaded again, so a page that refreshes itself has nothing to tick.
 */
export function refreshOf(ctx: Context): Refresh | undefined {
  if (!PATHS.includes(ctx.path) || ctx.method !== 'GET') return undefined
  const asked = field(ctx.URL.searchParams, 'refresh')
  const seconds = SECONDS.find((each) => String(each) === asked)
  if (seconds !== undefined) ctx.set('Refresh', String(seconds))
  const choice = (text: string, value: number | undefined) => {
    const query = new URLSearchParams(ctx.URL.searchParams)
    query.delete('refresh')
    if (value !== undefined) query.set('refresh', String(value))
    return { text, href: `${ctx.path}${query.size === 0 ? '' : `?${query}`}`, isCurrent: value === seconds }
  }
  return {
    seconds,
    choices: [choice('Off', undefined), ...SECONDS.map((each) => choice(`Every ${each} seconds`, each))],
  }
}

const SECONDS = [10, 30, 60] as const
const PATHS: readonly string[] = ['/', '/submissions', '/submission', '/dead-letters', '/forms', '/actions']
