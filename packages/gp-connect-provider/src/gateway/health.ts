/** Tells the machine itself whether a gateway serves: over plain HTTP, on a loopback address only. */
import { createServer, type Server } from 'node:http'

/** A running health endpoint. */
export interface Health {
  readonly port: number
  close(): Promise<void>
}

/**
 * Answers `GET /health` with 200 while the process runs, and `GET /readiness` with 200, or with 503 and the names of the parts that
 * keep it from serving.
 */
export async function startHealth(port: number, problems: () => Promise<readonly string[]>): Promise<Health> {
  const server = createServer(async (request, response) => {
    response.setHeader('Cache-Control', 'no-store').setHeader('Content-Type', 'application/json')
    const isKnown = request.url === '/health' || request.url === '/readiness'
    if (!isKnown || (request.method !== 'GET' && request.method !== 'HEAD')) {
      response.writeHead(isKnown ? 405 : 404).end('{}')
      return
    }
    const found = request.url === '/health' ? [] : await problems()
    response.writeHead(found.length === 0 ? 200 : 503).end(JSON.stringify({ problems: found }))
  })
  await listening(server, port)
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Whether a health endpoint says that its gateway serves. */
export async function isReady(port: number): Promise<boolean> {
  try {
    const { status } = await fetch(`http://127.0.0.1:${port}/readiness`, { signal: AbortSignal.timeout(4000) })
    return status === 200
  } catch {
    return false
  }
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
}
