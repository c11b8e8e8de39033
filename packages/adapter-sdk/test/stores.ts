/** Both stores for a suite: the embedded one, and a real PostgreSQL that is started once for all files. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AdapterEvent } from '../src/events.ts'
import type { FileStore } from '../src/files/file-store.ts'
import { folderStore } from '../src/files/folder.ts'
import { attachmentTables, tableStore } from '../src/files/table.ts'
import { type Database, FILE_SCHEMA } from '../src/store/database.ts'
import { openEmbedded } from '../src/store/embedded.ts'
import { openStore, type QueueStore } from '../src/store/pg-boss.ts'
import { openPostgres } from '../src/store/postgres.ts'
import { PostgresServer } from './postgres-server.ts'

/** A store for one file of tests: empty at its start, with the tables and queues of some forms. */
export interface TestStore {
  readonly kind: 'embedded' | 'postgres'
  readonly database: Database
  readonly store: QueueStore
  readonly files: FileStore
  readonly events: AdapterEvent[]
  /** As another process would open it: on PostgreSQL with connections of its own. */
  another(): Promise<QueueStore>
  /** `DATABASE_URL`, for an adapter process. */
  readonly url: string | undefined
  close(): Promise<void>
}

/** Defines a suite twice. `store` is there from `before` on. */
export function onBothStores(
  title: string,
  suite: (store: () => TestStore, kind: TestStore['kind']) => void,
  forms: readonly string[] = ['complaint', 'comment'],
): void {
  for (const kind of ['embedded', 'postgres'] as const) {
    describe(`${title}, on ${kind === 'embedded' ? 'the embedded store' : 'PostgreSQL'}`, () => {
      let store: TestStore | undefined
      before(async () => {
        store = kind === 'embedded' ? await embedded(forms) : await postgres(forms)
      })
      after(() => store?.close())

      suite(() => {
        if (store === undefined) throw new Error('the store is opened by a hook')
        return store
      }, kind)
    })
  }
}

let server: Promise<PostgresServer> | undefined
after(async () => {
  await (await server)?.stop()
})

/** The PostgreSQL that all files share. */
export function sharedPostgres(): Promise<PostgresServer> {
  server ??= PostgresServer.start()
  return server
}

async function embedded(forms: readonly string[]): Promise<TestStore> {
  const events: AdapterEvent[] = []
  const folder = mkdtempSync(join(tmpdir(), 'store-test-'))
  const database = await openEmbedded(undefined)
  const store = await openStore(database, forms, { supervise: false, emit: (event) => events.push(event) })
  return {
    kind: 'embedded',
    database,
    store,
    files: folderStore(join(folder, 'attachments')),
    events,
    url: undefined,
    another: async () => ({ ...store, close: async () => undefined }),
    async close() {
      await store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function postgres(forms: readonly string[]): Promise<TestStore> {
  const events: AdapterEvent[] = []
  const emit = (event: AdapterEvent) => events.push(event)
  const url = await (await sharedPostgres()).database()
  const open = async () => {
    const database = await openPostgres(url, emit)
    return { database, store: await openStore(database, forms, { supervise: false, emit }) }
  }
  const { database, store } = await open()
  await database.query(attachmentTables(FILE_SCHEMA))
  const others: QueueStore[] = []
  return {
    kind: 'postgres',
    database,
    store,
    files: tableStore(database.pool, FILE_SCHEMA),
    events,
    url,
    async another() {
      const other = (await open()).store
      others.push(other)
      return other
    },
    async close() {
      for (const each of [...others, store]) await each.close()
    },
  }
}
