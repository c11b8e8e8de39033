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
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { auditFile } from '../../src/audit/file.ts'
import { type AuditEvent, type AuditSink, AuditTrail, type FoundTrail } from '../../src/audit/trail.ts'
import { verifyAuditTrail } from '../../src/audit/verifier.ts'
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
