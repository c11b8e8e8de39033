/** Ending a server without dropping what it has begun. */
import { Server as NetServer } from 'node:net'
import type { Connections } from './connections.ts'
import type { NodeServer } from './node-server.ts'

/**
 * Stops accepting, ends each connection with its next answer, and cuts after `graceSeconds` what is still open.
 * Resolves to the number of connections that were cut while they had a request.
 */
export async function stopGracefully(
  server: NodeServer,
  connections: Connections,
  graceSeconds: number,
): Promise<number> {
  for (const connection of connections) connection.endWithNextAnswer()
  // http.Server.close would cut idle connections at once, and with them the request that is on its way on one.
  const closed = new Promise<void>((resolve) => {
    NetServer.prototype.close.call(server, () => resolve())
  })
  const begun = Date.now()
  const silent = setInterval(() => {
    if (Date.now() - begun < LULL_SECONDS * 1000) return
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
  clearInterval(silent)
  clearTimeout(grace)
  // Ends the interval that looks for slow requests, which the close above leaves running. Its error says "not running".
  server.close(() => {})
  return cut
}

/** Clients that keep a connection alive learn from their next answer that it ends; silent ones are closed after this. */
const LULL_SECONDS = 1
