/** Serves style sheets, fonts and images of the page, from GOV.UK Frontend and this package. There are no scripts. */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Middleware } from 'koa'

/** Folder of GOV.UK Frontend: its templates start with `govuk/`. */
export const GOVUK = join(dirname(createRequire(import.meta.url).resolve('govuk-frontend/package.json')), 'dist')

/** Folder of our views, beside `src` and `dist`. */
export const VIEWS = fileURLToPath(new URL('../../../views', import.meta.url))

/** Files by their path on the page. No other file of the two packages is served. */
export function assetFiles(): ReadonlyMap<string, string> {
  const fonts = join(GOVUK, 'govuk/assets/fonts')
  return new Map([
    ['/assets/govuk-frontend.css', join(GOVUK, 'govuk/govuk-frontend.min.css')],
    ['/assets/operator.css', join(VIEWS, 'operator.css')],
    ...['favicon.ico', 'favicon.svg'].map(
      (name) => [`/assets/images/${name}`, join(GOVUK, 'govuk/assets/images', name)] as const,
    ),
    // Their names change with every release.
    ...readdirSync(fonts).map((name) => [`/assets/fonts/${name}`, join(fonts, name)] as const),
  ])
}

/** Koa middleware that serves the files from memory. */
export function assets(): Middleware {
  const contents = new Map([...assetFiles()].map(([path, file]) => [path, readFileSync(file)]))
  return async (ctx, next) => {
    const content = contents.get(ctx.path)
    if (content === undefined) return await next()
    ctx.type = ctx.path.slice(ctx.path.lastIndexOf('.'))
    ctx.body = content
  }
}
