/** Systems behind a gateway: one that answers as a test wants, and one that writes any bytes. */
import { writeFileSync } from 'node:fs'
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Listener } from '@formbuilder/secure-server'
import type { ForwardOptions } from '../../src/gateway/upstream-options.ts'
import type { Provider } from '../../src/provider.ts'
import type { Pki } from '../pki.ts'
import { type Practice, type PracticeOptions, startPractice } from '../practice.ts'

export const SECRET = 'an-example-of-a-secret-for-tests-only-0'

/** A system behind a gateway, and what it got. */
export interface TestUpstream extends AsyncDisposable {
  readonly url: string
  readonly requests: readonly IncomingMessage[]
  /** How many connections were opened, and how many of them are open now. */
  readonly connections: { opened: number; open: number }
}

/** Starts an HTTP server on a loopback address. */
export async function startUpstream(answer: RequestListener): Promise<TestUpstream> {
  const requests: IncomingMessage[] = []
  const server = createHttpServer((request, response) => {
    requests.push(request)
    answer(request, response)
  })
  return { ...(await listening(server)), requests }
}

/** Starts a server that gets the bytes of each connection. */
export async function startRaw(answer: (socket: Socket) => void): Promise<TestUpstream> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    answer(socket)
  })
  return { ...(await listening(server)), requests: [] }
}

/** A server that writes these bytes once a request has arrived, then closes or stays. */
export function startBytes(bytes: string, then: 'close' | 'reset' | 'stay' = 'close'): Promise<TestUpstream> {
  return startRaw((socket) => {
    socket.once('data', () => {
      if (bytes === '') return then === 'stay' ? undefined : socket.destroy()
      socket.write(bytes, 'latin1', () => {
        if (then === 'close') socket.end()
        if (then === 'reset') socket.resetAndDestroy()
      })
    })
  })
}

/** Starts a practice that forwards to an upstream. */
export function startGateway(
  pki: Pki,
  url: string,
  options: Partial<ForwardOptions> = {},
  practice: PracticeOptions = {},
): Promise<Practice> {
  const secretFile = secretFileOf(pki)
  const listener = (provider: Provider): Listener => provider.forward(url, { secretFile, ...options })
  return startPractice(pki, { ...practice, listener })
}

/** A file with the secret of the claims. */
export function secretFileOf(pki: Pki): string {
  const file = join(pki.folder, 'claims.secret')
  writeFileSync(file, `${SECRET}\n`)
  return file
}

async function listening(server: Server): Promise<Omit<TestUpstream, 'requests'>> {
  const sockets = new Set<Socket>()
  const connections = { opened: 0, open: 0 }
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    connections.opened += 1
    connections.open += 1
    socket.once('close', () => {
      sockets.delete(socket)
      connections.open -= 1
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    connections,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
