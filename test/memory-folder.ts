/** Where tests keep their files: in memory, where there is plenty. */
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive } from './is-alive.ts'

/** Four times of what all tests together take. */
const ENOUGH_BYTES = 4 * 2 ** 30
const NAME = 'formbuilder-tests-'

/**
 * A folder in memory, or undefined where the machine has none or little of it. A disk takes ten times as long to make the
 * many small files of a new PostgreSQL database as PostgreSQL does. What runs that were killed have left there is removed.
 */
export function makeMemoryFolder(place = '/dev/shm', enough = ENOUGH_BYTES): string | undefined {
  if (freeBytes(place) < enough || runsNoProgram(place)) return undefined
  for (const name of readdirSync(place).filter(isLeft)) remove(join(place, name))
  const folder = mkdtempSync(join(place, `${NAME}${process.pid}-`))
  // As /tmp: a PostgreSQL that runs as another user makes its folder here, and removes it.
  chmodSync(folder, 0o1777)
  return folder
}

export function remove(folder: string): void {
  // A process that was told to end may still write there.
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
}

function freeBytes(place: string): number {
  try {
    const { bavail, bsize } = statfsSync(place)
    return bavail * bsize
  } catch {
    return 0
  }
}

/** As containers mount it; tests run programs that they have installed. */
function runsNoProgram(place: string): boolean {
  if (!existsSync('/proc/mounts')) return false
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n')
  return mounts.some((line) => line.split(' ')[1] === place && /\bnoexec\b/.test(line))
}

/** By a process that is no more. */
function isLeft(name: string): boolean {
  const [, pid] = new RegExp(`^${NAME}(\\d+)-`).exec(name) ?? []
  return pid !== undefined && !isAlive(Number(pid))
}
