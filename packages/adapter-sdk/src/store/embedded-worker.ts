/** The thread in which the embedded database runs: it would hold up everything else while it writes. */
import { existsSync, fdatasyncSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import { NodeFS } from '@electric-sql/pglite/nodefs'

/** What the thread is started with. */
export interface EmbeddedStart {
  /** The data folder; absent: in memory. */
  readonly folder: string | undefined
  /** A data folder to begin with, as a gzipped tar file. */
  readonly image: string | undefined
}

/** What the thread is asked. */
export type EmbeddedRequest =
  | { readonly id: number; readonly text: string; readonly values: readonly unknown[] | undefined }
  | { readonly id: number; readonly listen: string }
  | { readonly id: number; readonly close: true }

/** What the thread says. */
export type EmbeddedReply =
  | { readonly id: number; readonly rows: readonly object[] }
  | {
      readonly id: number
      readonly error: { readonly name: string; readonly message: string; readonly code: string | undefined }
    }
  | { readonly channel: string; readonly payload: string }
  /** The last word: the thread ends. A code of the file system (`ENOSPC`), or `PANIC`. */
  | { readonly panic: string }

// PGlite starts PostgreSQL with -F (no fsync), and its file system ignores fsync(2) (electric-sql/pglite, nodefs.ts), so
// that a commit survives the process but not the machine. Both are turned on: one fdatasync per commit. fdatasync is
// enough because the length of a WAL segment never changes; PostgreSQL's own wal_sync_method=fdatasync would be lost,
// since the WebAssembly build makes fdatasync(2) a no-op and only fsync(2) reaches the file system.
const DURABLE = [
  ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'),
  ...['-c', 'fsync=on', '-c', 'wal_sync_method=fsync', '-c', 'synchronous_commit=on'],
]

class DurableFS extends NodeFS {
  override async init(...parameters: Parameters<NodeFS['init']>): ReturnType<NodeFS['init']> {
    const result = await super.init(...parameters)
    const sync = (module: { NODEFS: { stream_ops: object } }) => {
      Object.assign(module.NODEFS.stream_ops, {
        fsync: (stream: { nfd: number }) => {
          fdatasyncSync(stream.nfd)
          return 0
        },
      })
    }
    // The published type leaves NODEFS out; a test counts the calls.
    const preRun = result.emscriptenOpts.preRun as unknown as ((module: never) => void)[]
    preRun.push(sync as (module: never) => void)
    Object.assign(result.emscriptenOpts, { printErr: endOnPanic })
    return result
  }
}

/**
 * A log that cannot be written (a full disk) is a PANIC: PostgreSQL ends, and what was committed is found at the next
 * start. PGlite goes on, and its next commit waits for ever for a lock that is held by nobody (seen with 0.5.16).
 */
function endOnPanic(line: string): void {
  if (!/ PANIC: /.test(line)) return
  const [code = 'PANIC'] = Object.entries(CAUSES).find(([, text]) => line.includes(text)) ?? []
  reply({ panic: code })
  process.exit(1) // ends the thread only
}

// As PostgreSQL says them (strerror); the rest of its line is not for a log.
const CAUSES = {
  ENOSPC: 'No space left on device',
  EDQUOT: 'Quota exceeded',
  EROFS: 'Read-only file system',
  EIO: 'I/O error',
}

const { folder, image } = workerData as EmbeddedStart
const fresh = folder === undefined || !existsSync(join(folder, 'PG_VERSION'))
const pglite = await PGlite.create({
  ...(folder === undefined ? {} : { fs: new DurableFS(folder), startParams: DURABLE }),
  ...(fresh && image !== undefined ? { loadDataDir: new Blob([readFileSync(image)]) } : {}),
})

parentPort?.on('message', (request: EmbeddedRequest) => {
  answer(request).then(
    (rows) => reply({ id: request.id, rows }),
    (error: Error & { code?: string }) =>
      // The rest of such an error quotes the statement's values.
      reply({ id: request.id, error: { name: error.name, message: error.message, code: error.code } }),
  )
})
reply({ id: 0, rows: [] })

async function answer(request: EmbeddedRequest): Promise<readonly object[]> {
  if ('close' in request) {
    await pglite.close()
    return []
  }
  if ('listen' in request) {
    const channel = request.listen
    await pglite.listen(channel, (payload) => reply({ channel, payload }))
    return []
  }
  // query() takes one statement only; pg-boss sends several at once, then without values.
  if (request.values?.length) return (await pglite.query<object>(request.text, [...request.values])).rows
  return (await pglite.exec(request.text)).flatMap((result) => result.rows as object[])
}

function reply(message: EmbeddedReply): void {
  parentPort?.postMessage(message)
}
