import { randomUUID } from 'node:crypto'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Claim, Ending } from '../../../src/store/claim.ts'
import {
  backupInto,
  integrityCheck,
  liftRestoreMark,
  quickCheck,
  restoreMark,
} from '../../../src/store/sqlite/backup.ts'
import { openSqlite } from '../../../src/store/sqlite/store.ts'
import type { Store } from '../../../src/store/store.ts'
import { dead, delivered, incoming } from '../../submissions.ts'
import { until } from '../../until.ts'
import { startAccepting } from './processes.ts'

const OPTIONS = { migrate: true, horizonSeconds: 90_000 }
const PAGE = { limit: 1000, offset: 0 }

describe('a backup of the store in SQLite', () => {
  let dataDir: string
  let store: Store
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'store-test-'))
    store = await openSqlite(dataDir, OPTIONS)
  })
  afterEach(async () => {
    await store.close()
    rmSync(dataDir, { recursive: true, force: true })
  })

  const database = (folder = dataDir) => join(folder, 'store/adapter.sqlite')
  const claim = async (most = 1) =>
    await store.turn({ settle: [], claim: [{ form: 'complaint', most, suspects: 0 }], leaseSeconds: 30 })
  const settle = async (each: Claim, ending: Ending) =>
    await store.turn({ settle: [{ claim: each, ending }], claim: [], leaseSeconds: 30 })
  /** A data folder with the copy as its store. */
  const restored = (copy: string) => {
    const folder = join(dataDir, `restored-${randomUUID()}`)
    mkdirSync(join(folder, 'store'), { recursive: true, mode: 0o700 })
    copyFileSync(copy, database(folder))
    return folder
  }

  it('holds what was accepted before it, and is for its owner only', async () => {
    const umask = process.umask(0)
    const file = join(dataDir, 'copy.sqlite')
    const submissions = Array.from({ length: 100 }, () => incoming())
    await store.accept(submissions)

    await backupInto(dataDir, file).finally(() => process.umask(umask))

    const copy = await openSqlite(restored(file), { ...OPTIONS, migrate: false })
    const found = await copy.list({}, PAGE)
    await copy.close()
    expect(found.map(({ submissionId }) => submissionId)).to.have.members(
      submissions.map(({ submissionId }) => submissionId),
    )
    expect(statSync(file).mode & 0o777).to.equal(0o600)
    expect(readdirSync(dataDir).filter((name) => name !== 'store' && !name.startsWith('restored'))).to.deep.equal([
      'copy.sqlite',
    ])
  })

  it('ends while another process accepts all the time, and holds each submission that was accepted before it', async () => {
    const child = startAccepting(dataDir)
    await until(() => child.accepted().length > 3000)
    const before = child.accepted()
    const file = join(dataDir, 'copy.sqlite')
    await backupInto(dataDir, file)
    await child.printed('accepted', child.lines.length)
    await child.kill()

    const copy = await openSqlite(restored(file), { ...OPTIONS, migrate: false })
    const count = await copy.count({})
    const held = await Promise.all(before.map(async (id) => await copy.count({ id })))
    await copy.close()
    expect(held.filter((found) => found !== 1)).to.deep.equal([])
    expect(count % 16).to.equal(0)
    expect(count).to.be.below(child.accepted().length)
  })

  it('leaves an older copy as it was when there is no room or no folder for a new one', async () => {
    const file = join(dataDir, 'copy.sqlite')
    await backupInto(dataDir, file)
    const before = statSync(file)
    await store.accept([incoming()])
    mkdirSync(`${file}.part`)
    writeFileSync(join(`${file}.part`, 'something'), '')

    const error = await backupInto(dataDir, file).catch((reason: unknown) => reason)
    const missing = await backupInto(dataDir, join(dataDir, 'nowhere/copy.sqlite')).catch((reason: unknown) => reason)

    expect(error).to.be.instanceOf(Error)
    expect(missing).to.include({ code: 'ENOENT' })
    expect(statSync(file)).to.include({ ino: before.ino, size: before.size })
  })

  it('is refused at a start, with the command that has to run first, and can be looked at', async () => {
    const file = join(dataDir, 'copy.sqlite')
    const takenAt = await backupInto(dataDir, file, () => new Date('2030-01-02T03:04:05.678Z'))
    const folder = restored(file)

    const refused = await openSqlite(folder, OPTIONS).catch((reason: unknown) => reason)
    const looked = await openSqlite(folder, { ...OPTIONS, migrate: false })
    await looked.close()

    expect(refused).to.include({ code: 'ERR_STORE_UNAVAILABLE' })
    expect((refused as Error).message)
      .to.contain('2030-01-02T03:04:05.678Z')
      .and.to.contain('"adapter restored"')
    expect([await restoreMark(folder), await restoreMark(dataDir)]).to.deep.equal([takenAt, undefined])
  })

  it('has everything that was not delivered or discarded marked as uncertain, and starts from then on', async () => {
    await store.accept(Array.from({ length: 5 }, () => incoming()))
    const [first, second, third, fourth] = (await claim(4)) as [Claim, Claim, Claim, Claim]
    await settle(first, delivered())
    await settle(second, dead())
    await settle(third, dead())
    await store.discard(await store.list({ ids: [third.id] }, PAGE), 'ada', 'done by hand')
    await store.redrive(await store.list({ ids: [second.id] }, PAGE), 'ada', 'approved before the backup')
    const file = join(dataDir, 'copy.sqlite')
    await backupInto(dataDir, file)
    const folder = restored(file)

    const marked = [
      await liftRestoreMark(folder, 'ada', 'disk lost on Monday'),
      await liftRestoreMark(folder, 'ada', 'again'),
    ]

    const restarted = await openSqlite(folder, OPTIONS)
    try {
      const of = async (id: string) => (await restarted.list({ ids: [id] }, PAGE))[0]
      expect(marked).to.deep.equal([3, 0])
      expect(await restarted.count({ uncertain: true })).to.equal(3)
      expect(await of(first.id)).to.include({ state: 'delivered', uncertain: false })
      expect(await of(third.id)).to.include({ state: 'discarded', uncertain: false })
      expect(await of(fourth.id)).to.include({ state: 'running', uncertain: true })
      expect((await restarted.history(second.id)).at(-1)).to.include({
        ...{ what: 'marked uncertain', by: 'ada', reason: 'disk lost on Monday' },
      })
      const claims = await restarted.turn({
        ...{ settle: [], claim: [{ form: 'complaint', most: 9, suspects: 0 }], leaseSeconds: 30 },
      })
      expect(claims.map(({ uncertain, approved }) => [uncertain, approved])).to.deep.equal([
        [true, false],
        [true, false],
      ])
    } finally {
      await restarted.close()
    }
  })

  it('is found sound by both checks, while an adapter works', async () => {
    await store.accept([incoming()])

    expect([await quickCheck(dataDir), await integrityCheck(dataDir)]).to.deep.equal([[], []])
  })

  it('is found sound when no adapter runs', async () => {
    await store.accept([incoming()])
    await store.close()

    expect(await integrityCheck(dataDir)).to.deep.equal([])
  })

  it('does not exist where no adapter was', async () => {
    const error = await quickCheck(join(dataDir, 'nothing')).catch((reason: unknown) => reason)

    expect(error).to.include({ code: 'ERR_STORE_UNAVAILABLE' })
    expect((error as Error).message).to.match(/^no adapter has used the data folder /)
  })
})
