/** Serves style sheets, fonts and images of the page, from GOV.UK Frontend and this package. There are no scripts. */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Middleware } from 'koa'
import { AdapterError } from '../../errors.ts'
import { ownPackage, PACKAGE } from '../../package-folder.ts'

/**
 * The folder of our views, and that of GOV.UK Frontend, whose templates start with `govuk/`.
 * @throws {AdapterError} ERR_CONFIG_INVALID: the program was bundled, and this package is not installed beside it.
 */
export function pageFolders(): { readonly views: string; readonly govuk: string } {
  const own = ownPackage()
  if (own === undefined) {
    throw new AdapterError(
      'ERR_CONFIG_INVALID',
      `ADMIN_PORT needs the files of the package ${PACKAGE}: install it beside this program, or bundle with --packages=external`,
    )
  }
  const manifest = createRequire(join(own.folder, 'package.json')).resolve('govuk-frontend/package.json')
  return { views: join(own.folder, 'views'), govuk: join(dirname(manifest), 'dist') }
}

/** Files by their path on the page. No other file of the two packages is served. */
export function assetFiles(): ReadonlyMap<string, string> {
  const { views, govuk } = pageFolders()
  const fonts = join(govuk, 'govuk/assets/fonts')
  return new Map([
    ['/assets/govuk-frontend.css', join(govuk, 'govuk/govuk-frontend.min.css')],
    ['/assets/operator.css', join(views, 'operator.css')],
    // Browsers ask for it by this name where no page has told them another.
    ['/favicon.ico', join(govuk, 'govuk/assets/images/favicon.ico')],
    ...['favicon.ico', 'favicon.svg'].map(
      (name) => [`/assets/images/${name}`, join(govuk, 'govuk/assets/images', name)] as const,
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
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      ctx.status = 405
      ctx.set('Allow', 'GET, HEAD')
      return
    }
    ctx.type = ctx.path.slice(ctx.path.lastIndexOf('.'))
    ctx.body = content
  }
}
