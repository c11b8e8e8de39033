import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { auditFile, auditFileOn } from '../../src/audit/file.ts'
import { type AuditEvent, type AuditSink, AuditTrail, type FoundTrail } from '../../src/audit/trail.ts'
import { verifyAuditTrail } from '../../src/audit/verifier.ts'
import { until } from '../cases/case.ts'
import { readRecords } from '../practice.ts'
import { entry } from './entries.ts'

describe('audit trail in a file', () => {
  let folder: string
  let file: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'gp-connect-audit-'))
    file = join(folder, 'audit.jsonl')
  })

  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('is readable by its owner only', async () => {
    await write(1)

    expect(statSync(file).mode & 0o777).to.equal(0o600)
  })

  it('becomes readable by its owner only if it was open to others', async () => {
    writeFileSync(file, '')
    chmodSync(file, 0o666)

    await write(1)

    expect(statSync(file).mode & 0o777).to.equal(0o600)
  })

  it('becomes private again if it is opened to others while records are written', async () => {
    const trail = open()
    await trail.append(entry('Patient/1'))
    chmodSync(file, 0o644)
    await trail.append(entry('Patient/2'))
    await trail.close()

    expect(statSync(file).mode & 0o777).to.equal(0o600)
    expect(await intact(file)).to.equal(true)
  })

  it('keeps the file of incomplete lines private too', async () => {
    writeFileSync(file, '{"seq')
    writeFileSync(`${file}.torn`, '')
    chmodSync(`${file}.torn`, 0o666)

    await write(1)

    expect(statSync(`${file}.torn`).mode & 0o777).to.equal(0o600)
    expect(readFileSync(`${file}.torn`, 'utf8')).to.equal('{"seq\n')
  })

  it('continues sequence and hash after a restart', async () => {
    await write(3)
    await write(2)

    expect(readRecords(file).map(({ sequence }) => sequence)).to.deep.equal([1, 2, 3, 4, 5])
    expect(await intact(file)).to.equal(true)
  })

  it('stores entries in the order of arrival', async () => {
    await write(200)

    expect(readRecords(file).map(({ dataId }) => dataId)).to.deep.equal(
      [...Array(200).keys()].map((at) => `Patient/${at}`),
    )
    expect(await intact(file)).to.equal(true)
  })

  it('marks an incomplete line after a crash, and moves it to another file', async () => {
    await write(2)
    appendFileSync(file, '{"sequence":3,"timestamp":"2026')

    const events = await write(1)

    expect(readRecords(file).map(({ outcome, errorCode }) => [outcome, errorCode])).to.deep.equal([
      ['served', null],
      ['served', null],
      ['recovered', 'AUDIT_LINE_TORN'],
      ['served', null],
    ])
    expect(await intact(file)).to.equal(true)
    expect(readFileSync(`${file}.torn`, 'utf8')).to.equal('{"sequence":3,"timestamp":"2026\n')
    expect(statSync(`${file}.torn`).mode & 0o777).to.equal(0o600)
    expect(events).to.deep.include({ type: 'audit.opened', sequence: 3, torn: true })
  })

  it('marks an incomplete first line', async () => {
    writeFileSync(file, '{"seq')

    await write(1)

    expect(readRecords(file).map(({ sequence, outcome }) => [sequence, outcome])).to.deep.equal([
      [1, 'recovered'],
      [2, 'served'],
    ])
  })

  it('refuses entries after a last record that was changed', async () => {
    await write(2)
    writeFileSync(file, readFileSync(file, 'utf8').replace(/GPCA0001(?![\s\S]*GPCA0001)/, 'GPCA0002'))

    const events = await write(1, ['AUDIT_FILE_BROKEN'])

    expect(readRecords(file)).to.have.length(2)
    expect(events).to.deep.include({ type: 'audit.failed', refused: 1, code: 'AUDIT_FILE_BROKEN' })
  })

  it('continues in a new file when the old one is renamed', async () => {
    const trail = open()
    await trail.append(entry('Patient/1'))
    renameSync(file, `${file}.1`)
    await trail.append(entry('Patient/2'))
    await trail.close()

    expect(readRecords(file).map(({ sequence }) => sequence)).to.deep.equal([2])
    expect(await intact(`${file}.1`, file)).to.equal(true)
    expect(await intact(file)).to.equal(false)
  })

  it('continues when the file is copied and truncated', async () => {
    const trail = open()
    await trail.append(entry('Patient/1'))
    const copy = readFileSync(file)
    writeFileSync(file, '')
    await trail.append(entry('Patient/2'))
    await trail.close()

    writeFileSync(`${file}.1`, copy)
    expect(await intact(`${file}.1`, file)).to.equal(true)
  })

  it('continues the chain when the file is renamed and the provider starts again', async () => {
    await write(2)
    renameSync(file, `${file}.1`)

    const events = await write(2)

    expect(readRecords(file).map(({ sequence }) => sequence)).to.deep.equal([3, 4])
    expect(await intact(`${file}.1`, file)).to.equal(true)
    const last = readRecords(`${file}.1`).at(-1)
    expect(events).to.deep.include({ type: 'audit.checkpoint', sequence: 2, hash: last?.hash })
  })

  it('continues the chain when the file is copied and truncated and the provider starts again', async () => {
    await write(2)
    writeFileSync(`${file}.1`, readFileSync(file))
    writeFileSync(file, '')

    await write(1)

    expect(await intact(`${file}.1`, file)).to.equal(true)
  })

  it('continues the chain after a rotation and a crash in the first line of the new file', async () => {
    await write(2)
    renameSync(file, `${file}.1`)
    writeFileSync(file, '{"seq')

    await write(1)

    expect(readRecords(file).map(({ sequence, errorCode }) => [sequence, errorCode])).to.deep.equal([
      [3, 'AUDIT_LINE_TORN'],
      [4, null],
    ])
    expect(await intact(`${file}.1`, file)).to.equal(true)
  })

  it('continues after two rotations of records that the file with the end does not know', async () => {
    await write(1)
    const known = readFileSync(`${file}.head`)
    await write(1)
    renameSync(file, `${file}.2`)
    await write(2)
    renameSync(file, `${file}.1`)
    appendFileSync(`${file}.1`, '{"sequence":5,')
    writeFileSync(`${file}.head`, known)

    await write(1)

    expect(readRecords(file).map(({ sequence, errorCode }) => [sequence, errorCode])).to.deep.equal([
      [5, 'AUDIT_LINE_TORN'],
      [6, null],
    ])
    expect(await intact(`${file}.2`, `${file}.1`, file)).to.equal(true)
    expect(readFileSync(`${file}.torn`, 'utf8')).to.equal('{"sequence":5,\n')
  })

  for (const [first, second] of ['ab', 'ba'] as const) {
    it(`continues after two rotations within a moment, of which ${first} was the first`, async () => {
      await write(2)
      const known = readFileSync(`${file}.head`)
      renameSync(file, `${file}.${first}`)
      await write(1)
      renameSync(file, `${file}.${second}`)
      writeFileSync(`${file}.head`, known)
      for (const name of [first, second]) utimesSync(`${file}.${name}`, 1_000_000_000, 1_000_000_000)

      await write(1)

      expect(readRecords(file).map(({ sequence }) => sequence)).to.deep.equal([4])
      expect(await intact(`${file}.${first}`, `${file}.${second}`, file)).to.equal(true)
    })
  }

  it('continues after records in a compressed file', async () => {
    await write(1)
    const known = readFileSync(`${file}.head`)
    await write(1)
    const old = readFileSync(file)
    renameSync(file, `${file}.1`)
    writeFileSync(`${file}.1.gz`, gzipSync(old))
    rmSync(`${file}.1`)
    writeFileSync(`${file}.head`, known)

    await write(1)

    expect(readRecords(file).map(({ sequence }) => sequence)).to.deep.equal([3])
  })

  it('refuses entries if a compressed file ends with an incomplete line', async () => {
    await write(1)
    writeFileSync(`${file}.1.gz`, gzipSync(Buffer.concat([readFileSync(file), Buffer.from('{"seq')])))
    rmSync(file)

    await write(1, ['AUDIT_FILE_BROKEN'])
  })

  it('leaves files alone that only have such a name', async () => {
    await write(1)
    renameSync(file, `${file}.1`)
    writeFileSync(`${file}.pid`, '4711')

    await write(1)

    expect(readFileSync(`${file}.pid`, 'utf8')).to.equal('4711')
    expect(await intact(`${file}.1`, file)).to.equal(true)
  })

  it('removes lines of refused entries from a file that was renamed', async () => {
    const disk = new FailingDisk()
    const trail = new AuditTrail(auditFileOn(file, { flush: 'always' }, disk.flush))
    await trail.append(entry('Patient/1'))
    disk.fails = true
    disk.keeps = true
    const refused = await rejection(trail.append(entry('Patient/2')))
    disk.fails = false
    renameSync(file, `${file}.1`)
    await trail.append(entry('Patient/3'))
    await trail.close()

    expect(refused).to.equal('EIO')
    expect(readRecords(`${file}.1`).map(({ dataId }) => dataId)).to.deep.equal(['Patient/1'])
    expect(await intact(`${file}.1`, file)).to.equal(true)
  })

  it('adds no bytes to a file that was truncated after a failure', async () => {
    const disk = new FailingDisk()
    const trail = new AuditTrail(auditFileOn(file, { flush: 'always' }, disk.flush))
    await trail.append(entry('Patient/1'))
    const copy = readFileSync(file)
    disk.fails = true
    disk.onFailure = () => writeFileSync(file, '')
    await rejection(trail.append(entry('Patient/2')))
    disk.fails = false
    await trail.append(entry('Patient/3'))
    await trail.close()

    writeFileSync(`${file}.1`, copy)
    expect(await intact(`${file}.1`, file)).to.equal(true)
  })

  it('refuses entries while the file with the end cannot be opened', async () => {
    mkdirSync(`${file}.head`)
    const trail = open()
    const codes = [await rejection(trail.append(entry('Patient/1'))), await rejection(trail.append(entry('Patient/2')))]
    rmSync(`${file}.head`, { recursive: true })
    await trail.append(entry('Patient/3'))
    renameSync(file, `${file}.1`)
    mkdirSync(`${file}.dir`)
    renameSync(`${file}.head`, `${file}.dir/head`)
    mkdirSync(`${file}.head`)
    codes.push(await rejection(trail.append(entry('Patient/4'))), await rejection(trail.append(entry('Patient/5'))))
    rmSync(`${file}.head`, { recursive: true })
    await trail.append(entry('Patient/6'))
    await trail.close()

    expect(codes).to.deep.equal(['EISDIR', 'EISDIR', 'EISDIR', 'EISDIR'])
    expect(await intact(`${file}.1`, file)).to.equal(true)
  })

  it('emits the end of the old file when the chain continues in a new one', async () => {
    const events: AuditEvent[] = []
    const trail = open(events)
    await trail.append(entry('Patient/1'))
    renameSync(file, `${file}.1`)
    await trail.append(entry('Patient/2'))
    const [last] = readRecords(`${file}.1`)

    expect(events).to.deep.include({ type: 'audit.checkpoint', sequence: 1, hash: last?.hash })
    await trail.close()
  })

  it('records that whole records are missing at its end', async () => {
    await write(3)
    const [first] = readFileSync(file, 'utf8').split('\n')
    writeFileSync(file, `${first}\n`)

    await write(1)

    expect(readRecords(file).map(({ sequence, outcome, errorCode }) => [sequence, outcome, errorCode])).to.deep.equal([
      [1, 'served', null],
      [2, 'recovered', 'AUDIT_RECORDS_LOST'],
      [3, 'served', null],
    ])
  })

  it('refuses entries in an empty file if the end of the chain was changed', async () => {
    await write(1)
    renameSync(file, `${file}.1`)
    writeFileSync(`${file}.head`, 'changed')

    await write(1, ['AUDIT_FILE_BROKEN'])
  })

  it('keeps the end of the chain private too', async () => {
    await write(1)

    expect(statSync(`${file}.head`).mode & 0o777).to.equal(0o600)
  })

  for (const flush of ['always', 'interval'] as const) {
    it(`keeps a chain that verifies when a flush fails, flush: ${flush}`, async () => {
      const disk = new FailingDisk()
      const trail = new AuditTrail(auditFileOn(file, { flush }, disk.flush))
      await trail.append(entry('Patient/1'))
      disk.fails = true
      const second = await rejection(trail.append(entry('Patient/2')))
      await until(() => disk.failures > 0)
      const third = await rejection(trail.append(entry('Patient/3')))
      disk.fails = false
      await trail.append(entry('Patient/4'))
      await trail.close()

      // With `always` the second was refused at once; with `interval` it was stored, and is written again.
      const kept =
        flush === 'always' ? ['Patient/1', 'AUDIT_LINES_CUT', 'Patient/4'] : ['Patient/1', 'Patient/2', 'Patient/4']
      expect([second, third]).to.deep.equal([flush === 'always' ? 'EIO' : undefined, 'EIO'])
      expect(readRecords(file).map(({ dataId, errorCode }) => errorCode ?? dataId)).to.deep.equal(kept)
      expect(await intact(file)).to.equal(true)
    })
  }

  it('writes again what the system has dropped after a flush that failed', async () => {
    const disk = new FailingDisk()
    const trail = new AuditTrail(auditFileOn(file, {}, disk.flush))
    await trail.append(entry('Patient/1'))
    disk.fails = true
    await until(() => disk.failures > 0)
    const { size } = statSync(file)
    // As after a failed write-back: the length is there, the bytes are not.
    writeFileSync(file, Buffer.alloc(size), { flag: 'r+' })
    disk.fails = false
    await trail.append(entry('Patient/2'))
    await trail.close()

    expect(readRecords(file).map(({ dataId }) => dataId)).to.deep.equal(['Patient/1', 'Patient/2'])
    expect(await intact(file)).to.equal(true)
  })

  it('flushes the old file before it continues in a new one', async () => {
    const disk = new FailingDisk()
    const trail = new AuditTrail(auditFileOn(file, {}, disk.flush))
    await trail.append(entry('Patient/1'))
    renameSync(file, `${file}.1`)
    disk.fails = true
    const refused = await rejection(trail.append(entry('Patient/2')))
    disk.fails = false
    await trail.append(entry('Patient/3'))
    await trail.close()

    expect(refused).to.equal('EIO')
    expect(await intact(`${file}.1`, file)).to.equal(true)
  })

  it('refuses entries while its folder is missing, then continues', async () => {
    const trail = open()
    await trail.append(entry('Patient/1'))
    rmSync(folder, { recursive: true })

    expect(await rejection(trail.append(entry('Patient/2')))).to.equal('ENOENT')
    expect(trail.failing).to.equal(true)

    mkdirSync(folder)
    await trail.append(entry('Patient/3'))
    expect(trail.failing).to.equal(false)
    await trail.close()
    expect(readRecords(file).map(({ sequence, dataId }) => [sequence, dataId])).to.deep.equal([[2, 'Patient/3']])
  })

  it('refuses entries when another process writes the file', async () => {
    const one = open()
    const other = open()
    await one.append(entry('Patient/1'))
    await other.append(entry('Patient/2'))

    expect(await rejection(one.append(entry('Patient/3')))).to.equal('AUDIT_FILE_SHARED')

    await one.close()
    await other.close()
    expect(await intact(file)).to.equal(true)
  })

  it('refuses entries on a full disk', async () => {
    if (!existsSync('/dev/full')) return
    const trail = new AuditTrail(auditFile('/dev/full'))

    expect(await rejection(trail.append(entry('Patient/1')))).to.equal('ENOSPC')
    expect(await rejection(trail.append(entry('Patient/1')))).to.equal('ENOSPC')

    await trail.close()
  })

  it('refuses entries if the path is a folder', async () => {
    mkdirSync(file)

    await write(1, ['EISDIR'])
  })

  it('flushes before it resolves with flush: always', async () => {
    const trail = new AuditTrail(auditFile(file, { flush: 'always' }))
    await Promise.all([trail.append(entry('Patient/1')), trail.append(entry('Patient/2'))])
    await trail.close()

    expect(await intact(file)).to.equal(true)
  })

  it('emits its end when it closes, so that removed last records can be detected', async () => {
    const events = await write(3)
    const last = readRecords(file).at(-1)

    expect(events.at(-1)).to.deep.equal({ type: 'audit.checkpoint', sequence: 3, hash: last?.hash })
  })

  function open(events: AuditEvent[] = []): AuditTrail {
    return new AuditTrail(auditFile(file), (event) => events.push(event))
  }

  /** Opens the trail, appends entries concurrently and closes it. Returns the error of each entry, undefined if stored. */
  async function write(count: number, codes: readonly string[] = []): Promise<AuditEvent[]> {
    const events: AuditEvent[] = []
    const trail = open(events)
    const ends = await Promise.all(
      [...Array(count).keys()].map((at) => rejection(trail.append(entry(`Patient/${at}`)))),
    )
    await trail.close()
    expect(ends).to.deep.equal([...Array(count).keys()].map((at) => codes[at]))
    return events
  }
})

describe('audit trail in a sink', () => {
  it('writes simultaneous entries in one batch, and never two batches at once', async () => {
    const sink = new SlowSink()
    const trail = new AuditTrail(sink)

    await Promise.all([...Array(50).keys()].map((at) => trail.append(entry(`Patient/${at}`))))

    expect(sink.batches).to.deep.equal([50])
    expect(sink.overlaps).to.equal(0)
    await trail.close()
  })

  it('leaves an entry that was not stored out of the chain', async () => {
    const sink = new SlowSink()
    const trail = new AuditTrail(sink)
    await trail.append(entry('Patient/1'))
    sink.fails = true
    const refused = await rejection(trail.append(entry('Patient/2')))
    sink.fails = false
    await trail.append(entry('Patient/3'))
    await trail.close()

    expect(refused).to.equal('EIO')
    expect((await verifyAuditTrail(sink.text())).intact).to.equal(true)
    expect(sink.lines.map((line) => (JSON.parse(line) as { dataId: string }).dataId)).to.deep.equal([
      'Patient/1',
      'Patient/3',
    ])
  })

  it('looks for the end of the trail again after a failure', async () => {
    const sink = new SlowSink()
    sink.opens = false
    const trail = new AuditTrail(sink)
    await trail.open()
    const refused = await rejection(trail.append(entry('Patient/1')))
    sink.opens = true
    await trail.append(entry('Patient/2'))
    await trail.close()

    expect(refused).to.equal('EIO')
    expect(sink.lines).to.have.length(1)
  })
})

/** A disk whose flushes fail while `fails` is set. */
class FailingDisk {
  fails = false
  failures = 0
  /** Whether what was written cannot be cut either, once. */
  keeps = false
  onFailure: () => void = () => {}

  readonly flush = async (handle: FileHandle): Promise<void> => {
    if (!this.fails) return handle.datasync()
    this.failures += 1
    this.onFailure()
    if (this.keeps) {
      const { truncate } = handle
      handle.truncate = async () => {
        handle.truncate = truncate
        throw new Error('gone')
      }
    }
    throw Object.assign(new Error('gone'), { code: 'EIO' })
  }
}

/** A slow sink in memory. */
class SlowSink implements AuditSink {
  readonly lines: string[] = []
  readonly batches: number[] = []
  overlaps = 0
  fails = false
  opens = true
  #busy = false

  async open(): Promise<FoundTrail> {
    if (!this.opens) throw Object.assign(new Error('gone'), { code: 'EIO' })
    return { end: undefined, torn: false }
  }

  async append(lines: string): Promise<void> {
    if (this.#busy) this.overlaps += 1
    this.#busy = true
    await new Promise((resolve) => setTimeout(resolve, 5))
    this.#busy = false
    if (this.fails) throw Object.assign(new Error('gone'), { code: 'EIO' })
    const added = lines.split('\n').slice(0, -1)
    this.batches.push(added.length)
    this.lines.push(...added)
  }

  async *text(): AsyncIterable<string> {
    for (const line of this.lines) yield `${line}\n`
  }

  async close(): Promise<void> {}
}

async function intact(...files: string[]): Promise<boolean> {
  async function* text(): AsyncIterable<string> {
    for (const file of files) yield readFileSync(file, 'utf8')
  }
  return (await verifyAuditTrail(text())).intact
}

async function rejection(promise: Promise<void>): Promise<string | undefined> {
  try {
    await promise
    return undefined
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}
