/** Other versions of Node, from npm: fetched once into node_modules/.cache. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const CACHE = resolve(import.meta.dirname, '../node_modules/.cache/node-versions')

/** The folder with the program `node` of a version, for `PATH`; the running one is not fetched. */
export async function nodeFolder(version: string): Promise<string> {
  if (process.version === `v${version}`) return join(process.execPath, '..')
  const folder = join(CACHE, version)
  const program = join(folder, 'node_modules', PACKAGE, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (!existsSync(program)) {
    mkdirSync(folder, { recursive: true })
    // The package `node` would run a script to fetch this one; so no script is needed.
    const args = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', `${PACKAGE}@${version}`]
    await promisify(execFile)('npm', args, { cwd: folder, shell: process.platform === 'win32' })
  }
  return join(program, '..')
}

/** What the package `node` calls its platforms. */
const PLATFORMS: Readonly<Record<string, string>> = { 'win32-x64': 'win-x64', 'darwin-arm64': 'bin-darwin-arm64' }
const PLATFORM = `${process.platform}-${process.arch}`
const PACKAGE = `node-${PLATFORMS[PLATFORM] ?? PLATFORM}`
