import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import { integrityCheck, quickCheck } from '../../../src/store/sqlite/backup.ts'
import { assertLocal } from '../../../src/store/sqlite/folder.ts'
import { openSqlite } from '../../../src/store/sqlite/store.ts'
import { incoming } from '../../submissions.ts'
import { startAccepting } from './processes.ts'

const OPTIONS = { migrate: true, horizonSeconds: 90_000 }
const LOOK = { ...OPTIONS, migrate: false }

describe('the folder of a store in SQLite', () => {
  let dataDir: string
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'store-test-'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

  const folder = () => join(dataDir, 'store')
  const database = () => join(folder(), 'adapter.sqlite')
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)
  const refusal = async (options: typeof OPTIONS, path = dataDir, code = 'ERR_STORE_UNAVAILABLE') => {
    const outcome = await openSqlite(path, options).then(
      async (store) => await store.close(),
      (reason: unknown) => reason,
    )
    expect(outcome).to.include({ name: 'AdapterError', code })
    return (outcome as Error).message
  }
  /** An existing store, with some submissions, that nobody has open. */
  const used = async () => {
    const store = await openSqlite(dataDir, OPTIONS)
    await store.accept(Array.from({ length: 200 }, () => incoming({ jwe: 'x'.repeat(2000) })))
    await store.close()
  }
  const overwrite = (position: number, bytes: Buffer) => {
    const descriptor = openSync(database(), 'r+')
    writeSync(descriptor, bytes, 0, bytes.byteLength, position)
    closeSync(descriptor)
  }

  for (const umask of ['000', '022', '077']) {
    it(`is for its owner only with umask ${umask}, and DATA_DIR stays as it was`, async () => {
      chmodSync(dataDir, 0o755)
      const child = startAccepting(dataDir, { umask })
      await child.printed('accepted')

      const modes = [dataDir, folder(), database(), `${database()}-wal`, `${database()}-shm`].map(mode)
      await child.kill()

      expect(modes).to.deep.equal(['755', '700', '600', '600', '600'])
    })
  }

  it('has captured files for their owner only', async () => {
    const umask = process.umask(0)
    const store = await openSqlite(dataDir, OPTIONS)
    const id = '00000000-0000-4000-8000-000000000001'
    await store.files
      .write(
        id,
        (async function* () {
          yield Buffer.from('ciphertext')
        })(),
      )
      .finally(() => process.umask(umask))
    await store.close()

    expect([mode(join(folder(), 'files')), mode(join(folder(), 'files', id))]).to.deep.equal(['700', '600'])
  })

  it('is closed to others when it was open to them', async () => {
    mkdirSync(folder())
    chmodSync(folder(), 0o755)
    await used()

    expect(mode(folder())).to.equal('700')
  })

  if (process.getuid?.() === 0) {
    it('is not changed when it is a mount that belongs to somebody else', async () => {
      mkdirSync(folder())
      chmodSync(folder(), 0o777)
      chownSync(folder(), 12345, 12345)
      await used()

      expect(mode(folder())).to.equal('777')
      expect(mode(database())).to.equal('600')
    })
  }

  it('is not made by one who only looks', async () => {
    const path = join(dataDir, 'nothing')

    expect(await refusal(LOOK, path)).to.equal(
      `no adapter has used the data folder ${path}; set DATA_DIR, or start an adapter first`,
    )
    expect(existsSync(path)).to.equal(false)
  })

  it('counts as unused when its first start was cut short, and can be started again', async () => {
    mkdirSync(folder(), { mode: 0o700 })
    writeFileSync(database(), '', { mode: 0o600 })

    expect(await refusal(LOOK)).to.match(/^no adapter has used the data folder /)
    await used()
  })

  it('is refused where DATA_DIR cannot be a folder', async () => {
    writeFileSync(join(dataDir, 'file'), '')

    expect(await refusal(OPTIONS, join(dataDir, 'file'), 'ERR_CONFIG_INVALID')).to.match(
      /^the data folder .*\/file cannot be used \(Error ENOTDIR\): DATA_DIR must be a folder/,
    )
  })

  it('is opened again with what it held', async () => {
    await used()
    for (const options of [OPTIONS, LOOK]) {
      const store = await openSqlite(dataDir, options)
      expect(await store.count({})).to.equal(200)
      await store.close()
    }
  })

  it('of a newer version is refused by its number, at a start too, and left as it is', async () => {
    await used()
    const newer = new DatabaseSync(database())
    newer.exec('UPDATE version SET version = 2; CREATE TABLE of_version_2 (a)')
    newer.close()
    const before = readFileSync(database())

    for (const options of [OPTIONS, LOOK]) {
      expect(await refusal(options)).to.equal(
        'the store has tables of version 2, and this program works with version 1: use the same version of the program as the running adapter',
      )
    }
    expect(readFileSync(database()).equals(before)).to.equal(true)
  })

  for (const [title, damage] of [
    ['is no database', () => overwrite(0, Buffer.from('this is something else'))],
    ['has a damaged first page', () => overwrite(100, Buffer.alloc(3000, 7))],
  ] as const) {
    it(`stops a start when its file ${title}, and says what to do`, async () => {
      await used()
      damage()

      expect(await refusal(OPTIONS)).to.equal(
        `the store in ${dataDir} is damaged: stop the adapter, keep a copy of the folder, and restore a backup`,
      )
    })
  }

  it('with damage inside is found by both checks', async () => {
    await used()
    const pages = statSync(database()).size / 4096
    for (let page = Math.floor(pages / 2); page < pages - 1; page++) overwrite(page * 4096, Buffer.alloc(4096, 3))

    for (const check of [quickCheck, integrityCheck]) {
      const found = await check(dataDir)
      expect(found).not.to.deep.equal([])
      expect(found.join()).not.to.contain('xxxx')
    }
  })

  for (const [name, type] of [
    ['NFS', 0x6969],
    ['CIFS', 0xff534d42],
    ['CIFS', -11_317_950], // the same, as 32 bits with a sign
    ['SMB2', 0xfe534d42],
    ['SMB', 0x517b],
  ] as const) {
    it(`is refused on ${name} (${type}), by its name`, () => {
      expect(() => assertLocal(type))
        .to.throw(`DATA_DIR is on a network file system (${name})`)
        .with.property('code', 'ERR_STORE_UNAVAILABLE')
    })
  }

  for (const [name, type] of [
    ['ext4', 0xef53],
    ['XFS', 0x58465342],
    ['Btrfs', 0x9123683e],
    ['overlay', 0x794c7630],
    ['tmpfs', 0x01021994],
    ['9p', 0x01021997],
  ] as const) {
    it(`is accepted on ${name}`, () => {
      expect(() => assertLocal(type)).not.to.throw()
    })
  }
})
