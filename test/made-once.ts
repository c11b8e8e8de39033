/** What several test files need and is dear to make: made by the first of them, and kept in node_modules/.cache for the others. */
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  globSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { isAlive } from './is-alive.ts'

const ROOT = resolve(import.meta.dirname, '..')
const CACHE = join(ROOT, 'node_modules/.cache/made-once')

/**
 * The folder that `make` has filled, for `name` and the content of the files it is made of. Of several processes that ask at
 * once, one makes it. Nobody may change what is in it.
 */
export async function madeOnce(
  name: string,
  sources: readonly string[],
  make: (folder: string) => Promise<void>,
): Promise<string> {
  mkdirSync(CACHE, { recursive: true })
  const folder = join(CACHE, `${name}-${hashOf(sources)}`)
  const lock = `${folder}.lock`
  while (!existsSync(folder)) {
    if (!take(lock)) {
      await setTimeout(LOOK_MILLISECONDS)
      continue
    }
    // Another name until it is complete: a process may die here.
    const unfinished = mkdtempSync(join(CACHE, `${name}-unfinished-`))
    try {
      if (existsSync(folder)) continue
      await make(unfinished)
      renameSync(unfinished, folder)
      removeOld(name, folder)
    } finally {
      rmSync(unfinished, { recursive: true, force: true })
      rmSync(lock, { force: true })
    }
  }
  return folder
}

/** Copies a folder, with links to the same files where the target is on the same disk. */
export function copyLinked(source: string, target: string): void {
  mkdirSync(target, { recursive: true })
  const copyFile = statSync(source).dev === statSync(target).dev ? linkSync : copyFileSync
  for (const entry of readdirSync(source, { withFileTypes: true })) {
    const [from, to] = [join(source, entry.name), join(target, entry.name)]
    if (entry.isDirectory()) copyLinked(from, to)
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(from), to)
    else copyFile(from, to)
  }
}

const LOOK_MILLISECONDS = 100
/** Longer than a run of tests that still uses what an earlier build was made into. */
const OLD_MILLISECONDS = 3_600_000

/** Whether this process may make it. A lock of a process that has died is none. */
function take(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    const owner = existsSync(lock) ? Number(readFileSync(lock, 'utf8')) : 0
    if (owner > 0 && !isAlive(owner)) rmSync(lock, { force: true })
    return false
  }
}

function hashOf(patterns: readonly string[]): string {
  const hash = createHash('sha256')
  const files = patterns.flatMap((pattern) => globSync(pattern, { cwd: ROOT, withFileTypes: true }))
  for (const file of files
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort())
    hash
      .update(`${file.slice(ROOT.length)}\0`)
      .update(readFileSync(file))
      .update('\0')
  return hash.digest('hex').slice(0, 16)
}

function removeOld(name: string, current: string): void {
  for (const entry of readdirSync(dirname(current))) {
    const path = join(dirname(current), entry)
    const { mtimeMs = Date.now() } = statSync(path, { throwIfNoEntry: false }) ?? {}
    const isOld = Date.now() - mtimeMs > OLD_MILLISECONDS
    if (entry.startsWith(`${name}-`) && entry !== basename(current) && isOld)
      rmSync(path, { recursive: true, force: true })
  }
}
