/** The PostgreSQL that all files of tests share: it is started once. */
import { PostgresServer } from './postgres-server.ts'

let server: Promise<PostgresServer> | undefined
after(async () => {
  await (await server)?.stop()
})

export function sharedPostgres(): Promise<PostgresServer> {
  server ??= PostgresServer.start()
  return server
}
