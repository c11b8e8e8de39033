/** A real PostgreSQL of a test's own, on a free port of this machine. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chownSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { freePort } from './free-port.ts'
import { type Programs, preparePrograms } from './postgres-programs.ts'

/** A server that listens on this machine, started by this process or by another one. */
export class PostgresDatabases {
  readonly port: number

  constructor(port: number) {
    this.port = port
  }

  url(database = 'postgres', query = ''): string {
    return `postgresql://postgres:${PASSWORD}@localhost:${this.port}/${database}${query}`
  }

  /** Makes an empty database and returns its URL. */
  async database(): Promise<string> {
    const name = `test_${randomUUID().replaceAll('-', '')}`
    // Copied as files, in half the time of a copy by way of the WAL.
    await this.query(`CREATE DATABASE ${name} STRATEGY file_copy`)
    return this.url(name)
  }

  /** One statement on a connection of its own. */
  async query<Row extends object = object>(text: string, url = this.url()): Promise<Row[]> {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    try {
      return (await client.query(text)).rows as Row[]
    } finally {
      await client.end()
    }
  }
}

export class PostgresServer extends PostgresDatabases implements AsyncDisposable {
  /** Of its data. */
  readonly folder: string
  readonly #programs: Programs
  readonly #settings: readonly string[]
  #logged = ''
  #keeper: ChildProcess | undefined

  private constructor(port: number, programs: Programs, settings: readonly string[]) {
    super(port)
    this.folder = join(programs.folder, 'data')
    this.#programs = programs
    this.#settings = settings
  }

  /**
   * Makes a cluster and starts it; it ends with this process at the latest, however that ends. `settings`: as on the
   * server's command line, `log_statement=all`. `files`: texts for its data folder, readable by the server alone.
   * @throws {Error} with what PostgreSQL says, when it cannot start.
   */
  static async start(
    settings: readonly string[] = [],
    files: Readonly<Record<string, string>> = {},
  ): Promise<PostgresServer> {
    const programs = preparePrograms()
    try {
      const server = new PostgresServer(await freePort(), programs, settings)
      await server.#initialise(files)
      await server.resume()
      return server
    } catch (error) {
      rmSync(programs.folder, { recursive: true, force: true })
      throw error
    }
  }

  /** Everything the server wrote to its log. */
  get log(): string {
    return this.#logged
  }

  /** Ends the server at once; connections break. What was committed stays. */
  async halt(): Promise<void> {
    await this.#end('keep\n')
  }

  async resume(): Promise<void> {
    await this.halt()
    const { bin, user, folder } = this.#programs
    // A test's data need not survive a power cut; what is written to a file survives every death of the server.
    const settings = [
      ...['fsync=off', 'max_connections=300', `port=${this.port}`],
      // Their path would be too long below a long one.
      'unix_socket_directories=',
      ...this.#settings,
    ]
    const command = [join(bin, 'postgres'), '-D', this.folder, ...settings.flatMap((setting) => ['-c', setting])]
    const keeper = spawn('/bin/sh', ['-c', KEEPER, folder, ...command], {
      ...{ ...user, cwd: folder, env: ENVIRONMENT },
      // Control-C at the terminal reaches it by way of this process.
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
    })
    this.#keeper = keeper
    keeper.stdin.on('error', () => undefined) // it has ended by itself
    const from = this.#logged.length
    await new Promise<void>((resolve, reject) => {
      keeper.stderr.setEncoding('utf8').on('data', (text: string) => {
        this.#logged += text
        if (this.#logged.includes('database system is ready to accept connections', from)) resolve()
      })
      const failed = (error?: Error) =>
        reject(new Error(`PostgreSQL does not start: ${error?.message ?? this.#logged.slice(from)}`))
      keeper.once('error', failed)
      keeper.once('exit', () => failed())
    })
    // From here on it keeps nobody alive.
    keeper.unref()
    for (const stream of [keeper.stdin, keeper.stderr]) if ('unref' in stream) (stream as { unref(): void }).unref()
  }

  /** Ends the server and removes its data. */
  async stop(): Promise<void> {
    await this.#end('')
    rmSync(this.#programs.folder, { recursive: true, force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #initialise(files: Readonly<Record<string, string>>): Promise<void> {
    const { bin, user, folder } = this.#programs
    const write = (path: string, text: string) => {
      writeFileSync(path, text, { mode: 0o600 })
      if (user.uid !== undefined) chownSync(path, user.uid, user.gid ?? -1)
    }
    const password = join(folder, 'password')
    write(password, PASSWORD)
    const parameters = ['-D', this.folder, '-U', 'postgres', '-A', 'password', '--pwfile', password]
    // Neither the language nor the time zone of this machine may change a test.
    parameters.push('--no-locale', '--encoding=UTF8', '--no-sync', '--no-instructions')
    // Nobody guesses a test's password, and each connection would pay for the 4096 iterations against that.
    parameters.push('-c', 'scram_iterations=1')
    await promisify(execFile)(join(bin, 'initdb'), parameters, { ...user, cwd: folder, env: ENVIRONMENT }).catch(
      (error: Error & { stderr?: string }) => {
        throw new Error(`PostgreSQL cannot make its data folder: ${error.stderr || error.message}`)
      },
    )
    for (const [name, text] of Object.entries(files)) write(join(this.folder, name), text)
  }

  async #end(words: string): Promise<void> {
    const keeper = this.#keeper
    if (keeper === undefined) return
    this.#keeper = undefined
    const ended = keeper.exitCode === null && keeper.signalCode === null ? once(keeper, 'close') : undefined
    keeper.ref()
    keeper.stdin?.end(words)
    await ended
  }
}

const PASSWORD = 'test'

// Without PGDATA, PGPORT and the others of the person at the machine.
const ENVIRONMENT = { PATH: process.env['PATH'], TZ: 'UTC' }

/**
 * Runs the server ($0: its folder, then its command) until its standard input ends: this process has stopped it, or is dead.
 * Then the folder is removed, except after a word.
 */
const KEEPER = `
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
(
  word=
  read -r word <&3
  if [ -n "$word" ]; then kill -INT "$server"; exit; fi
  kill -QUIT "$server"
  while kill -0 "$server"; do sleep 0.02; done
  rm -rf "$0"
) 2>/dev/null &
wait "$server"
`
