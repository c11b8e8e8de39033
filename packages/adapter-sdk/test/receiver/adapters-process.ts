/**
 * Adapters in one process, one after the other, for tests. A POST of settings as JSON stops the last one, and is answered with
 * the port of the next. Its own port is what it prints first.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
// Built code starts sooner.
import { createAdapter, type RunningAdapter } from '../../dist/index.js'

let running: RunningAdapter | undefined
const server = createServer(async (request, response) => {
  const settings = (await json(request)) as Readonly<Record<string, string>>
  await running?.stop()
  running = await createAdapter({
    forms: { complaint: { path: '/v2/complaint', repeatable: true, handle: async () => undefined } },
  }).start({ environment: { ...process.env, ...settings }, ownsProcess: false })
  response.end(String(running.port))
}).listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as AddressInfo).port}`))
