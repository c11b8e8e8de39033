/**
 * Loaded by mocha in each process of a run: where a test imports a source of a package, it gets what was built from it, as users
 * do. So code is loaded once, and the threads of a store need not load what strips types, which takes longer than all else.
 */
import { existsSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

const SOURCE = /^(?<folder>file:.*\/packages\/[^/]+)\/src\/(?<path>.*)\.ts$/

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    const { folder, path } = SOURCE.exec(found.url)?.groups ?? {}
    const url = `${folder}/dist/${path}.js`
    return folder !== undefined && existsSync(fileURLToPath(url)) ? { ...found, url, format: 'module' } : found
  },
})
