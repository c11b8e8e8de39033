/** Stops a server without dropping the requests it is answering. */
import { Server as NetServer } from 'node:net'
import type { Connections } from './connections.ts'
import type { NodeServer } from './node-server.ts'

/**
 * Stops accepting, closes each connection after its next answer, and closes what is still open after `graceSeconds`.
 * Resolves to the number of connections that were closed with an unanswered request.
 */
export async function stopGracefully(
  server: NodeServer,
  connections: Connections,
  graceSeconds: number,
): Promise<number> {
  for (const connection of connections) connection.endWithNextAnswer()
  // http.Server.close would close idle connections at once, and lose a request that is on its way on one of them.
  const closed = new Promise<void>((resolve) => {
    NetServer.prototype.close.call(server, () => resolve())
  })
  const startedAt = Date.now()
  const closeIdle = setInterval(() => {
    if (Date.now() - startedAt < IDLE_SECONDS * 1000) return
    for (const connection of connections) if (connection.unanswered === 0) connection.destroy()
  }, 100)
  let cut = 0
  const grace = setTimeout(() => {
    for (const connection of connections) {
      if (connection.unanswered > 0) cut += 1
      connection.destroy()
    }
  }, graceSeconds * 1000)

  await closed
  clearInterval(closeIdle)
  clearTimeout(grace)
  // Stops Node's timer for slow requests, which NetServer's close leaves running. The error "not running" is expected.
  server.close(() => {})
  return cut
}

/** A client that sends a request within this time gets `Connection: close` with its answer; idle ones are closed after it. */
const IDLE_SECONDS = 1
