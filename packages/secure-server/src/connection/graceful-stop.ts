/** Stops a server without dropping open requests. */
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
  // http.Server.close would cut idle connections at once, and with them a request that is about to arrive.
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
  // Ends the interval that checks for slow requests, which the close above keeps running. It reports "not running", which is expected.
  server.close(() => {})
  return cut
}

/** The next answer tells a client that its connection ends. Connections without a request are closed after this time. */
const LULL_SECONDS = 1
