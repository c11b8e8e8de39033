/** PostgreSQL inside this process (PGlite), in a folder: the store that needs nothing else. */
import { existsSync, fdatasyncSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { NodeFS } from '@electric-sql/pglite/nodefs'
import type { Database, Queryable } from './database.ts'
import { lockFolder } from './lock.ts'

/** Prepared by the build (`embedded-image.ts`): an initialised database, so that a first start takes a second, not five. */
export const IMAGE = new URL('../dist/embedded-image.tgz', import.meta.url)

/**
 * Opens the store in `folder`, which is made if it is missing, or in memory when no folder is given.
 * A commit is on the disk when it resolves. `image`: a data folder to begin with.
 * @throws {AdapterError} ERR_INBOX_LOCKED: another process has the folder.
 */
export async function openEmbedded(folder: string | undefined, image: URL | undefined = IMAGE): Promise<Database> {
  if (folder !== undefined) mkdirSync(folder, { recursive: true, mode: 0o700 })
  const lock = folder === undefined ? undefined : lockFolder(folder)
  try {
    const data = folder === undefined ? undefined : join(folder, 'database')
    const fresh = data === undefined || !existsSync(join(data, 'PG_VERSION'))
    const pglite = await PGlite.create({
      ...(data === undefined ? {} : { fs: new DurableFS(data), startParams: DURABLE }),
      ...(fresh && image !== undefined && existsSync(image) ? { loadDataDir: new Blob([readFileSync(image)]) } : {}),
    })
    return wrap(pglite, () => lock?.release())
  } catch (error) {
    lock?.release()
    throw error
  }
}

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
    // The published type leaves NODEFS out; a test traces the system calls.
    const preRun = result.emscriptenOpts.preRun as unknown as ((module: never) => void)[]
    preRun.push(sync as (module: never) => void)
    return result
  }
}

/** PGlite behind the contract of a store. */
export function wrap(pglite: PGlite, onClose: () => void): Database {
  const run = (target: Pick<PGlite, 'query' | 'exec'>): Queryable['query'] => {
    return async <Row extends object>(text: string, values?: readonly unknown[]) => {
      // query() takes one statement only; pg-boss sends several at once, then without values.
      if (values?.length) return (await target.query<Row>(text, [...values])).rows
      return (await target.exec(text)).flatMap((result) => result.rows as Row[])
    }
  }
  const query = run(pglite)
  return {
    kind: 'embedded',
    // There is one connection: a failed statement must not leave it inside an aborted transaction.
    query: async <Row extends object>(text: string, values?: readonly unknown[]) => {
      try {
        return await query<Row>(text, values)
      } catch (error) {
        await pglite.query('ROLLBACK').catch(() => undefined)
        throw error
      }
    },
    transaction: (work) => pglite.transaction((transaction) => work({ query: run(transaction) })),
    async listen(channel, onNotify) {
      const close = await pglite.listen(channel, onNotify)
      return { close: () => close() }
    },
    async close() {
      await pglite.close()
      onClose()
    },
  }
}
