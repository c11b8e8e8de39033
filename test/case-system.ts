/** A stand-in for a case system: POST /cases makes one for each Idempotency-Key. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

export interface CaseSystem extends AsyncDisposable {
  readonly url: string
  /** What was asked, in order. */
  readonly requests: readonly { readonly key: string; readonly body: unknown }[]
  /** Lets every request wait for its answer, until the returned function is called. */
  hold(): () => void
}

export async function startCaseSystem(): Promise<CaseSystem> {
  const requests: { key: string; body: unknown }[] = []
  const cases = new Map<string, number>()
  let open: Promise<void> = Promise.resolve()
  const server = createServer(async (request, response) => {
    const key = String(request.headers['idempotency-key'])
    requests.push({ key, body: await json(request) })
    await open
    const id = cases.get(key) ?? cases.size + 1
    cases.set(key, id)
    response.writeHead(201, { 'Content-Type': 'application/json' }).end(JSON.stringify({ id: `C-${id}` }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      open = promise
      return resolve
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}
