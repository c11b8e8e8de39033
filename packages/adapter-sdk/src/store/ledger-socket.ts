/** The ledger over a socket, for operators on the same machine while the adapter holds the embedded store. */
import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, realpathSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { AdapterError, type ErrorCode } from '../errors.ts'
import type { Ledger } from '../operator/ledger.ts'

/** What operators may ask and do, wherever the ledger is. */
export type Operations = Pick<Ledger, 'list' | 'show' | 'counts' | 'redrive' | 'discard'>

/**
 * Where the socket of a data folder is: in it, unless its path is too long for one (104 bytes on some systems); then
 * among the temporary files, under a name that both sides can work out.
 */
export function socketPath(folder: string): string {
  const real = realpathSync(folder)
  const name = `formbuilder-adapter-${createHash('sha256').update(real).digest('hex').slice(0, 32)}`
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`
  const path = join(real, 'ledger.sock')
  return Buffer.byteLength(path) <= MOST_PATH_BYTES ? path : join(tmpdir(), `${name}.sock`)
}

/** Serves the ledger to this user alone. Whoever calls it holds the lock of the folder: an old socket is nobody's. */
export async function serveLedger(folder: string, ledger: Operations): Promise<{ close(): Promise<void> }> {
  const path = socketPath(folder)
  const server = createServer((incoming, outgoing) => {
    const answer = (status: number, body: object) => {
      outgoing.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
    }
    void answerFor(ledger, incoming.url ?? '', json(incoming)).then(
      (result) => answer(200, { result }),
      (error: unknown) =>
        error instanceof AdapterError
          ? answer(400, { code: error.code, message: error.message })
          : answer(500, { code: 'ERR_INTERNAL', message: 'the adapter could not answer' }),
    )
  })
  rmSync(path, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    // Nobody else may connect, not even between its making and the change of its mode: a pipe is made within listen().
    const umask = process.umask(0o177)
    server.listen(path, resolve)
    process.umask(umask)
  })
  if (process.platform !== 'win32') chmodSync(path, 0o600)
  return {
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/**
 * The ledger of the adapter that serves it for this folder, or `undefined` when none does.
 * Its methods throw what the ledger throws, and ERR_STORE_UNAVAILABLE when the adapter goes away.
 */
export async function remoteLedger(folder: string): Promise<Operations | undefined> {
  const path = socketPath(folder)
  if (!isOurs(path)) return undefined
  const call = async (method: keyof Operations, parameters: readonly unknown[]) =>
    await ask(path, method, JSON.stringify(parameters))
  try {
    await call('counts', [])
  } catch (error) {
    // A process that was killed leaves its socket behind.
    if (error instanceof AdapterError && error.code === 'ERR_STORE_UNAVAILABLE') return undefined
    throw error
  }
  // Each result is what the same method of the ledger gave, through JSON, which it survives.
  return Object.fromEntries(
    METHODS.map((method) => [method, (...parameters: unknown[]) => call(method, parameters)]),
  ) as unknown as Operations
}

const MOST_PATH_BYTES = 100
const METHODS = ['list', 'show', 'counts', 'redrive', 'discard'] as const satisfies (keyof Operations)[]

async function answerFor(ledger: Operations, url: string, body: Promise<unknown>): Promise<unknown> {
  const method = METHODS.find((name) => url === `/${name}`)
  const parameters = await body.catch(() => undefined)
  if (method === undefined || !Array.isArray(parameters)) throw new AdapterError('ERR_NOT_FOUND', 'no such operation')
  // The client of the same version calls with the parameters of the method.
  return await (ledger[method] as (...parameters: unknown[]) => Promise<unknown>).call(ledger, ...parameters)
}

/** Among the temporary files, another user could have put a socket of his own. */
function isOurs(path: string): boolean {
  if (process.platform === 'win32') return true
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found?.isSocket() === true && found.uid === process.getuid?.()
}

function ask(path: string, method: string, body: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown) =>
      reject(new AdapterError('ERR_STORE_UNAVAILABLE', 'the adapter does not answer', { cause, retryable: true }))
    const headers = { 'Content-Type': 'application/json' }
    const sending = request({ socketPath: path, method: 'POST', path: `/${method}`, headers }, (response) => {
      json(response).then((answer) => {
        const { result, code, message } = answer as { result?: unknown; code?: ErrorCode; message?: string }
        if (response.statusCode === 200) resolve(result)
        else reject(new AdapterError(code ?? 'ERR_INTERNAL', message ?? ''))
      }, failed)
    })
    sending.on('error', failed)
    sending.end(body)
  })
}
