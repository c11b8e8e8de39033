/** The PostgreSQL that all files of tests share, in this process and in the others of a parallel run. */
import { PostgresDatabases, PostgresServer } from './postgres-server.ts'

/** Each file makes databases of its own in it. */
export function sharedPostgres(): Promise<PostgresDatabases> {
  const port = process.env[PORT_VARIABLE]
  server ??= port === undefined ? PostgresServer.start() : Promise.resolve(new PostgresDatabases(Number(port)))
  return server
}

/** Starts it for this process and those that it starts from now on, unless there is one. */
export async function sharePostgres(): Promise<AsyncDisposable | undefined> {
  if (process.env[PORT_VARIABLE] !== undefined) return undefined
  const started = await PostgresServer.start()
  process.env[PORT_VARIABLE] = String(started.port)
  return started
}

const PORT_VARIABLE = 'TEST_POSTGRES_PORT'

let server: Promise<PostgresDatabases> | undefined
