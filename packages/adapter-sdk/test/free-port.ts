/** Ports for servers that have to know theirs before they listen. */
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * A port of 127.0.0.1 at which nothing listens. It lies below those that a kernel gives to connections, in the share of this
 * process of a parallel run, and is given once: nobody gets it between two starts of a server.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LOWEST + SHARE * COUNT + Math.floor(Math.random() * COUNT)
    if (given.has(port)) continue
    const server = createServer()
    const taken = once(server, 'error').then(() => true)
    const listening = once(server.listen(port, '127.0.0.1'), 'listening').then(() => false)
    if (await Promise.race([taken, listening])) continue
    server.close()
    await once(server, 'close')
    given.add(port)
    return port
  }
}

// Linux gives 32768 and above, others 49152 and above.
const LOWEST = 10_240
const COUNT = 2000
const SHARES = 11
// The last one is for processes that are no workers of mocha.
const SHARE = Number(process.env['MOCHA_WORKER_ID'] ?? SHARES - 1) % SHARES
const given = new Set<number>()
