/** PostgreSQL inside this process (PGlite), in a folder: the store that needs nothing else. */
import { accessSync, constants, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { AdapterError } from '../errors.ts'
import { errorName } from '../events.ts'
import type { Database, Queryable } from './database.ts'
import type { EmbeddedReply, EmbeddedRequest, EmbeddedStart } from './embedded-worker.ts'
import { lockFolder } from './lock.ts'

/** Prepared by the build (`embedded-image.ts`): an initialised database, so that a first start takes a second, not five. */
export const IMAGE = new URL('../../dist/embedded-image.tgz', import.meta.url)

/**
 * Opens the store in `folder`, which is made if it is missing, or in memory when no folder is given.
 * A commit is on the disk when it resolves. `image`: a data folder to begin with.
 * @throws {AdapterError} ERR_STORE_LOCKED: another process has the folder. ERR_CONFIG_INVALID: it cannot be written to.
 */
export async function openEmbedded(folder: string | undefined, image: URL = IMAGE): Promise<Database> {
  if (folder !== undefined) makeFolder(folder)
  const lock = folder === undefined ? undefined : lockFolder(folder)
  try {
    const data = folder === undefined ? undefined : join(folder, 'database')
    const made = data === undefined ? undefined : begin(data)
    const thread = await Thread.start({ folder: data, image: existsSync(image) ? fileURLToPath(image) : undefined })
    made?.()
    return database(thread, () => lock?.release())
  } catch (error) {
    lock?.release()
    throw error
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (cause) {
    const why = `the data folder ${folder} cannot be used (${errorName(cause)})`
    throw new AdapterError('ERR_CONFIG_INVALID', `${why}: DATA_DIR must be a folder that this process may write to`, {
      cause,
    })
  }
}

/**
 * A first start that is cut short leaves half a database, which no later start could use and in which nothing can be yet:
 * it is marked until it is made, and made again. Returns what takes the mark away.
 */
function begin(data: string): () => void {
  const mark = `${data}.being-made`
  if (existsSync(mark)) rmSync(data, { recursive: true, force: true })
  if (!existsSync(data)) writeFileSync(mark, '')
  return () => rmSync(mark, { force: true })
}

function database(thread: Thread, onClose: () => void): Database {
  // There is one connection: a transaction has it to itself, and everything else waits.
  let last: Promise<unknown> = Promise.resolve()
  function alone<T>(work: () => Promise<T>): Promise<T> {
    const result = last.then(work)
    last = result.catch(() => undefined)
    return result
  }
  const run: Queryable['query'] = <Row extends object>(text: string, values?: readonly unknown[]) =>
    thread.ask({ text, values }) as Promise<Row[]>

  return {
    kind: 'embedded',
    lost: thread.lost,
    query: (text, values) =>
      alone(async () => {
        try {
          return await run(text, values)
        } catch (error) {
          // A text of several statements may have failed inside a transaction of its own.
          await run('ROLLBACK').catch(() => undefined)
          throw error
        }
      }),
    transaction: (work) =>
      alone(async () => {
        try {
          await run('BEGIN')
          const result = await work({ query: run })
          await run('COMMIT')
          return result
        } catch (error) {
          await run('ROLLBACK').catch(() => undefined)
          throw error
        }
      }),
    async listen(channel, onNotify) {
      const listener = (reply: { channel: string; payload: string }) => {
        if (reply.channel === channel) onNotify(reply.payload)
      }
      thread.listeners.add(listener)
      await alone(() => thread.ask({ listen: channel }))
      return {
        async close() {
          thread.listeners.delete(listener)
        },
      }
    },
    async close() {
      await alone(() => thread.close())
      onClose()
    },
  }
}

type Ask = EmbeddedRequest extends infer R ? (R extends unknown ? Omit<R, 'id'> : never) : never

/** The database's thread: questions by number, answers when they come. */
class Thread {
  readonly listeners = new Set<(reply: { channel: string; payload: string }) => void>()
  readonly #worker: Worker
  readonly #pending = new Map<number, { resolve: (rows: object[]) => void; reject: (error: unknown) => void }>()
  readonly #lost = Promise.withResolvers<Error>()
  #asked = 0
  #closing = false
  #gone: Error | undefined

  private constructor(start: EmbeddedStart) {
    // In the sources the thread is TypeScript, which Node runs as it is.
    const file = import.meta.url.endsWith('.ts') ? './embedded-worker.ts' : './embedded-worker.js'
    this.#worker = new Worker(new URL(file, import.meta.url), { workerData: start })
    this.#worker.on('message', (reply: EmbeddedReply) => this.#receive(reply))
    this.#worker.on('error', (error) => this.#lose(error))
    this.#worker.on('exit', () => this.#lose(new Error('the thread ended')))
  }

  /** Resolves when the database answers. */
  static async start(start: EmbeddedStart): Promise<Thread> {
    const thread = new Thread(start)
    await new Promise<object[]>((resolve, reject) => thread.#pending.set(0, { resolve, reject }))
    return thread
  }

  /** Resolves when the thread has ended, unless it was told to. */
  get lost(): Promise<Error> {
    return this.#lost.promise
  }

  async ask(request: Ask): Promise<object[]> {
    if (this.#gone !== undefined) throw this.#gone
    const id = ++this.#asked
    return await new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      // A thread that owes an answer keeps the process alive; one that waits to be asked does not.
      this.#worker.ref()
      this.#worker.postMessage({ ...request, id })
    })
  }

  async close(): Promise<void> {
    this.#closing = true
    if (this.#gone === undefined) await this.ask({ close: true })
    await this.#worker.terminate()
  }

  #receive(reply: EmbeddedReply): void {
    if ('channel' in reply) {
      for (const listener of this.listeners) listener(reply)
      return
    }
    if ('panic' in reply) {
      this.#lose(Object.assign(new Error('the database cannot write its log'), { code: reply.panic }))
      return
    }
    const asked = this.#pending.get(reply.id)
    this.#pending.delete(reply.id)
    if (this.#pending.size === 0) this.#worker.unref()
    if ('rows' in reply) asked?.resolve([...reply.rows])
    else asked?.reject(Object.assign(new Error(reply.error.message), reply.error))
  }

  #lose(cause: Error): void {
    this.#gone ??= new AdapterError(
      'ERR_STORE_UNAVAILABLE',
      'the embedded database has ended; start the adapter again',
      { cause },
    )
    for (const { reject } of this.#pending.values()) reject(this.#gone)
    this.#pending.clear()
    if (!this.#closing) this.#lost.resolve(this.#gone)
  }
}
