import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import pg from 'pg'
import type { FileStore } from '../../src/files/file-store.ts'
import { folderStore } from '../../src/files/folder.ts'
import { attachmentTables, tableStore } from '../../src/files/table.ts'
import { PostgresServer } from '../postgres-server.ts'
import { sharedPostgres } from '../shared-postgres.ts'

/** Ages in seconds. Any: also of what was written within this millisecond. */
const ANY = -1
const OLD = 3600

/** A place for files, and what a test does to it behind the back of the store. */
interface Place {
  readonly store: FileStore
  /** What another process gives to `attachments-writer.ts`. */
  readonly writer: readonly string[]
  /** Makes a file look as if its write had begun long ago. */
  age(id: string): Promise<void>
  /** What is left of a file. */
  traces(id: string): Promise<number>
  /** What is held open for reading. */
  held(): number
  close(): Promise<void>
}

for (const [title, openPlace] of [
  ['a folder of files', folderPlace],
  ['a table of files', tablePlace],
] as const)
  describe(title, () => {
    let place: Place
    before(async () => {
      place = await openPlace()
    })
    after(() => place.close())

    for (const bytes of [16, 65_535, 65_536, 65_537, 262_144, 1_048_576, 1_048_592, 3_000_000])
      it(`gives back ${bytes} bytes as they were written`, async () => {
        const [id, content] = [randomUUID(), randomBytes(bytes)]

        await place.store.write(id, pieces(content, 8_192))

        expect((await contentOf(place.store.read(id))).equals(content)).to.equal(true)
      })

    it('takes pieces of any size', async () => {
      const [id, content] = [randomUUID(), randomBytes(1_500_000)]
      const cuts = [0, 0, 1, 700_001, 765_537, 765_540, 1_500_000]

      await place.store.write(id, cut(content, cuts))

      expect((await contentOf(place.store.read(id))).equals(content)).to.equal(true)
    })

    it('gives blocks of no more than 64 KiB', async () => {
      const id = randomUUID()
      await place.store.write(id, pieces(randomBytes(300_000), 300_000))

      for await (const block of place.store.read(id)) expect(block.byteLength).to.be.within(1, 65_536)
    })

    for (const id of [randomUUID(), '../secret', 'x', ''])
      it(`knows no file '${id.length === 36 ? 'of another id' : id}'`, async () => {
        expect(await codeOf(contentOf(place.store.read(id)))).to.equal('ERR_ATTACHMENT_NOT_FOUND')
      })

    it('knows a file only when it is whole', async () => {
      const id = randomUUID()
      const codes: unknown[] = []
      async function* watched() {
        yield randomBytes(400_000)
        codes.push(await codeOf(contentOf(place.store.read(id))))
        yield randomBytes(400_000)
      }

      await place.store.write(id, watched())

      expect(codes).to.deep.equal(['ERR_ATTACHMENT_NOT_FOUND'])
      expect(await contentOf(place.store.read(id))).to.have.lengthOf(800_000)
    })

    it('passes on what the source throws, and leaves nothing', async () => {
      const [id, failure] = [randomUUID(), new Error('the source')]
      async function* failing() {
        yield randomBytes(400_000)
        throw failure
      }

      const error = await place.store.write(id, failing()).catch((error: unknown) => error)

      expect(error).to.equal(failure)
      expect(await codeOf(contentOf(place.store.read(id)))).to.equal('ERR_ATTACHMENT_NOT_FOUND')
      expect(await place.traces(id)).to.equal(0)
    })

    it('removes files, and minds no id that is not there', async () => {
      const [id, kept] = [randomUUID(), randomUUID()]
      for (const each of [id, kept]) await place.store.write(each, pieces(randomBytes(300_000), 65_536))

      for (let time = 0; time < 2; time += 1) await place.store.remove([id, randomUUID(), '../secret', ''])

      expect(await codeOf(contentOf(place.store.read(id)))).to.equal('ERR_ATTACHMENT_NOT_FOUND')
      expect(await place.traces(id)).to.equal(0)
      expect(await contentOf(place.store.read(kept))).to.have.lengthOf(300_000)
    })

    it('lists the files whose write began so long ago', async () => {
      const [old, recent] = [randomUUID(), randomUUID()]
      for (const id of [old, recent]) await place.store.write(id, pieces(randomBytes(16), 16))
      await place.age(old)

      const listed = await all(place.store.list(OLD))

      expect(listed).to.include(old)
      expect(listed).not.to.include(recent)
      expect(await all(place.store.list(ANY))).to.include.members([old, recent])
    })

    it('lists more files than fit on a page, each once', async () => {
      const ids = Array.from({ length: 501 }, () => randomUUID())
      const queue = ids.values()
      const writer = async () => {
        for (const id of queue) await place.store.write(id, pieces(Buffer.alloc(16), 16))
      }
      await Promise.all([writer(), writer(), writer(), writer()])

      const listed = await all(place.store.list(ANY))

      expect(listed).to.include.members(ids)
      expect(new Set(listed).size).to.equal(listed.length)
      await place.store.remove(ids)
    })

    it('holds nothing open for a reader that stopped early', async () => {
      const id = randomUUID()
      await place.store.write(id, pieces(randomBytes(2_000_000), 65_536))
      const before = place.held()

      for (let time = 0; time < 10; time += 1) for await (const _ of place.store.read(id)) break

      expect(place.held()).to.equal(before)
    })

    it('finds what a killed process left behind, and removes it', async () => {
      const id = randomUUID()
      const writer = fork(new URL('writer.ts', import.meta.url), [...place.writer, id])
      await once(writer, 'message')
      await killed(writer)
      const before = await place.traces(id)
      await place.age(id)

      const code = await codeOf(contentOf(place.store.read(id)))
      const listed = await all(place.store.list(OLD))
      await place.store.remove([id])

      expect(before).to.be.greaterThan(0)
      expect(code).to.equal('ERR_ATTACHMENT_NOT_FOUND')
      expect(listed).to.include(id)
      expect(await place.traces(id)).to.equal(0)
    })
  })

describe('a folder of files, on the disk', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'attachments-test-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('is closed to other users, and so are its files', async () => {
    const [inner, id] = [join(folder, 'data', 'attachments'), randomUUID()]

    await folderStore(inner).write(id, pieces(randomBytes(16), 16))

    expect(modes(join(folder, 'data'), inner, join(inner, id))).to.deep.equal(['700', '700', '600'])
  })

  it('has no files before it exists', async () => {
    expect(await all(folderStore(join(folder, 'absent')).list(ANY))).to.deep.equal([])
  })

  it('passes over what is no file of its own', async () => {
    const other = join(folder, 'others')
    for (const name of ['notes.part', 'lost+found', `${randomUUID()}.txt`])
      mkdirSync(join(other, name), { recursive: true })

    expect(await all(folderStore(other).list(ANY))).to.deep.equal([])
  })

  it('brings a file to the disk before it has its name, and the name after', async () => {
    const [place, id] = [join(folder, 'synced'), randomUUID()]
    mkdirSync(place)
    const handle = await open(place, 'r')
    const prototype: { sync(): Promise<void> } = Object.getPrototypeOf(handle)
    await handle.close()
    const { sync } = prototype
    const seen: string[][] = []
    prototype.sync = function (this: unknown) {
      seen.push(readdirSync(place))
      return sync.call(this)
    }

    await folderStore(place)
      .write(id, pieces(randomBytes(16), 16))
      .finally(() => Object.assign(prototype, { sync }))

    expect(seen).to.deep.equal([[`${id}.part`], [id]])
  })

  it('removes what it wrote when the disk fails', async () => {
    const [place, id] = [join(folder, 'failing'), randomUUID()]
    mkdirSync(place)
    // A folder in the way of the name: renaming fails, after all bytes were written.
    mkdirSync(join(place, id, 'in-the-way'), { recursive: true })

    const error = await folderStore(place)
      .write(id, pieces(randomBytes(16), 16))
      .catch((error: unknown) => error)

    expect(error).to.be.an('error')
    expect(readdirSync(place)).to.deep.equal([id])
  })
})

describe('a table of files, in the database', () => {
  it('is made by any number of replicas at once, in a schema of any name', async () => {
    const pool = new pg.Pool({ connectionString: await (await sharedPostgres()).database(), max: 8 })
    const schema = `the "case" of O'Brien`

    await Promise.all(Array.from({ length: 8 }, () => pool.query(attachmentTables(schema))))

    const store = tableStore(pool, schema)
    const id = randomUUID()
    await store.write(id, pieces(Buffer.from('0123456789abcdef'), 16))
    expect(String(await contentOf(store.read(id)))).to.equal('0123456789abcdef')
    await pool.end()
  })

  it('takes no connection while the source is slow', async () => {
    const pool = new pg.Pool({ connectionString: await (await sharedPostgres()).database(), max: 1 })
    await pool.query(attachmentTables('files'))
    async function* slow() {
      yield randomBytes(400_000)
      // With the one connection taken, this would wait for ever.
      await pool.query('SELECT 1')
      yield randomBytes(16)
    }

    await tableStore(pool, 'files').write(randomUUID(), slow())

    await pool.end()
  })

  it('tells of a row that is gone', async () => {
    const pool = new pg.Pool({ connectionString: await (await sharedPostgres()).database(), max: 1 })
    await pool.query(attachmentTables('files'))
    const store = tableStore(pool, 'files')
    const id = randomUUID()
    await store.write(id, pieces(randomBytes(3_000_000), 65_536))
    await pool.query('DELETE FROM files.attachment_row WHERE number >= 4')

    expect(await codeOf(contentOf(store.read(id)))).to.equal('ERR_ATTACHMENT_CORRUPT')
    await pool.end()
  })

  it('keeps a file that was written when the server is killed in the next moment', async () => {
    // What is written without waiting stays in the memory of the server for up to 10 s.
    await using server = await PostgresServer.start(['wal_writer_delay=10s', 'fsync=on'])
    const content = randomBytes(1_000_000)
    const id = randomUUID()
    const first = new pg.Pool({ connectionString: server.url() })
    first.on('error', () => {})
    await first.query(attachmentTables('files'))

    await tableStore(first, 'files').write(id, pieces(content, 65_536))
    await crash(server)
    await first.end()

    const second = new pg.Pool({ connectionString: server.url() })
    second.on('error', () => {})
    expect((await contentOf(tableStore(second, 'files').read(id))).equals(content)).to.equal(true)
    await second.end()
  })
})

async function folderPlace(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'attachments-test-'))
  const pathsOf = (id: string) => [join(folder, id), join(folder, `${id}.part`)].filter(existsSync)
  return {
    store: folderStore(folder),
    writer: ['folder', folder],
    age: async (id) => {
      for (const path of pathsOf(id)) utimesSync(path, AGED, AGED)
    },
    traces: async (id) => pathsOf(id).length,
    held: () => readdirSync('/dev/fd').length,
    close: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

async function tablePlace(): Promise<Place> {
  const url = await (await sharedPostgres()).database()
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  await pool.query(attachmentTables('files'))
  return {
    store: tableStore(pool, 'files'),
    writer: ['table', url],
    age: async (id) => {
      await pool.query('UPDATE files.attachment SET began_at = $2 WHERE id = $1', [id, AGED])
    },
    traces: async (id) => {
      const text =
        'SELECT id FROM files.attachment WHERE id = $1 UNION ALL SELECT id FROM files.attachment_row WHERE id = $1'
      return (await pool.query(text, [id])).rows.length
    },
    held: () => pool.totalCount - pool.idleCount,
    close: () => pool.end(),
  }
}

const AGED = new Date(Date.now() - 7_200_000)

function pieces(content: Buffer, size: number): AsyncIterable<Buffer> {
  return cut(
    content,
    [...Array(Math.ceil(content.byteLength / size)).keys(), Infinity].map((i) => i * size),
  )
}

/** The content between each cut and the next. */
async function* cut(content: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  for (const [i, start] of cuts.slice(0, -1).entries()) yield content.subarray(start, cuts[i + 1])
}

async function contentOf(blocks: AsyncIterable<Buffer>): Promise<Buffer> {
  const copies: Buffer[] = []
  for await (const block of blocks) copies.push(Buffer.from(block))
  return Buffer.concat(copies)
}

async function all(ids: AsyncIterable<string>): Promise<string[]> {
  const listed: string[] = []
  for await (const id of ids) listed.push(id)
  return listed
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => 'no error',
    (error: { code?: unknown }) => error.code,
  )
}

const modes = (...paths: string[]) => paths.map((path) => (statSync(path).mode & 0o777).toString(8))

async function killed(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  if (child.signalCode === null) await once(child, 'exit')
}

/** Kills the server as the kernel would, and starts it again on what it left. */
async function crash(server: PostgresServer): Promise<void> {
  const pid = Number(readFileSync(join(server.folder, 'postmaster.pid'), 'utf8').split('\n')[0])
  process.kill(pid, 'SIGKILL')
  // Its children see that it is gone, a little later; until then a new one does not start.
  const started = () =>
    server.resume().then(
      () => true,
      () => false,
    )
  while (!(await started()));
}
