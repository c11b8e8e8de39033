import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type AuditRecord, CHAIN_START, type ChainEnd, sealEntry } from '../../src/audit/record.ts'
import { type Verdict, verifyAuditTrail } from '../../src/audit/verifier.ts'
import { entry } from './entries.ts'

const FIELDS =
  'sequence timestamp outcome traceId from to interactionId userId userLocalId userName userRole organization organizationName device address forwarded dataId status errorCode previousHash hash'

describe('audit record', () => {
  it('has its members in the order of the contract', () => {
    expect(Object.keys(JSON.parse(sealEntry(entry('Patient/1'), CHAIN_START).line)).join(' ')).to.equal(FIELDS)
  })

  it('has the hash that the contract defines', () => {
    const { hash, ...content } = JSON.parse(sealEntry(entry('Patient/1'), CHAIN_START).line) as AuditRecord

    expect(content.sequence).to.equal(1)
    expect(content.previousHash).to.equal('0000000000000000000000000000000000000000000000000000000000000000')
    expect(hash).to.equal(createHash('sha256').update(JSON.stringify(content), 'utf8').digest('hex'))
  })

  it('has a hash over UTF-8, for any content', () => {
    const { line } = sealEntry(entry('Zoë \u2028 \ud800 "quoted" 9000000009'), CHAIN_START)
    const { hash, ...content } = JSON.parse(line) as AuditRecord

    expect(hash).to.equal(
      createHash('sha256')
        .update(Buffer.from(JSON.stringify(content), 'utf8'))
        .digest('hex'),
    )
  })
})

describe('audit verifier', () => {
  it('accepts a trail as it was written', async () => {
    const lines = trail(5)

    const verdict = await verify(lines)

    expect(verdict).to.deep.equal({ intact: true, end: endOf(lines) })
  })

  it('accepts a trail that continues in another file, in chunks of any size', async () => {
    const text = `${trail(5).join('\n')}\n`

    const verdict = await verifyAuditTrail(pieces(text, 7))

    expect(verdict.intact).to.equal(true)
  })

  it('accepts an empty trail', async () => {
    expect(await verify([])).to.deep.equal({ intact: true, end: CHAIN_START })
  })

  // biome-ignore format: a table
  const TAMPERINGS: readonly (readonly [what: string, tamper: (lines: string[]) => string[], line: number])[] = [
    ['a changed record',                    (lines) => lines.with(2, (lines[2] ?? '').replace('GPCA0001', 'GPCA0002')),                      3],
    ['a removed record',                    (lines) => lines.toSpliced(2, 1),                                                                3],
    ['two records in the wrong order',      (lines) => lines.with(1, lines[2] ?? '').with(2, lines[1] ?? ''),                                2],
    ['a repeated record',                   (lines) => lines.toSpliced(3, 0, lines[2] ?? ''),                                                4],
    ['a changed record with its own hash',  (lines) => lines.with(2, sealEntry(entry('Patient/2'), endOf(lines.slice(0, 2))).line),          4],
    ['a record that skips a number',        (lines) => lines.with(4, sealEntry(entry('Patient/1'), { ...endOf(lines.slice(0, 4)), sequence: 7 }).line), 5],
    ['a removed first record',              (lines) => lines.slice(1),                                                                       1],
    ['a member that moved',                 (lines) => lines.with(2, reordered(lines[2] ?? '')),                                             3],
    ['an added member',                     (lines) => lines.with(2, (lines[2] ?? '').replace('"hash"', '"more":1,"hash"')),                 3],
    ['a repeated member',                   (lines) => lines.with(2, (lines[2] ?? '').replace('"outcome"', '"outcome":"x","outcome"')),      3],
    ['spaces between members',              (lines) => lines.with(2, (lines[2] ?? '').replace(',"to"', ', "to"')),                           3],
    ['a line that is not a record',         (lines) => lines.toSpliced(2, 0, 'x'),                                                           3],
    ['an empty line',                       (lines) => lines.toSpliced(2, 0, ''),                                                            3],
  ]

  for (const [what, tamper, line] of TAMPERINGS) {
    it(`finds ${what}`, async () => {
      const verdict = await verify(tamper(trail(5)))

      expect(verdict).to.include({ intact: false, line })
    })
  }

  it('finds removed last records with a checkpoint', async () => {
    const lines = trail(5)

    expect((await verify(lines, endOf(lines.slice(0, 4)))).intact).to.equal(true)
    expect(await verify(lines.slice(0, 3), endOf(lines.slice(0, 4)))).to.include({ intact: false, line: 3 })
  })

  it('finds a rewritten trail with a checkpoint', async () => {
    const forged = trail(5, 'Patient/2')

    expect(await verify(forged, endOf(trail(5).slice(0, 4)))).to.include({ intact: false })
  })

  it('finds an incomplete last line', async () => {
    const text = trail(2).join('\n')

    expect(await verifyAuditTrail(pieces(text, 1000))).to.include({ intact: false, line: 2 })
  })
})

describe('gp-connect-verify-audit', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gp-connect-audit-'))
  const lines = trail(5)
  const whole = join(folder, 'whole.jsonl')
  const first = join(folder, 'first.jsonl')
  const second = join(folder, 'second.jsonl')

  before(() => {
    writeFileSync(whole, `${lines.join('\n')}\n`)
    writeFileSync(first, `${lines.slice(0, 2).join('\n')}\n`)
    writeFileSync(second, `${lines.slice(2).join('\n')}\n`)
  })

  after(() => rmSync(folder, { recursive: true }))

  const checkpoint = `5:${endOf(lines).hash}`
  for (const [args, code, output] of [
    [[whole], 0, `intact: 5 records, last hash ${endOf(lines).hash}`],
    [[first, second], 0, 'intact: 5 records'],
    [['--checkpoint', checkpoint, whole], 0, 'intact'],
    [['--checkpoint', checkpoint, first], 1, 'broken at line 2: the checkpoint is not in the trail'],
    [[second, first], 1, 'broken at line 1: does not follow the record before it'],
    [[second], 1, 'broken at line 1'],
    [[], 2, "error: missing required argument 'fi"],
    [['--checkpoint', 'x', whole], 2, 'error: --checkpoint is not SEQUENCE:H'],
    [[join(folder, 'absent')], 2, 'ENOENT'],
  ] as const) {
    it(`exits with ${code} for ${args.length} arguments: ${output.slice(0, 40)}`, async () => {
      const ended = await command(args)

      expect(ended.code).to.equal(code)
      expect(ended.output).to.include(output)
    })
  }
})

function trail(count: number, dataId = 'Patient/1'): string[] {
  const lines: string[] = []
  let end = CHAIN_START
  for (let at = 0; at < count; at++) {
    const sealed = sealEntry(entry(dataId), end)
    lines.push(sealed.line)
    end = sealed.end
  }
  return lines
}

function endOf(lines: readonly string[]): ChainEnd {
  const { sequence, hash } = JSON.parse(lines.at(-1) ?? '') as AuditRecord
  return { sequence, hash }
}

function reordered(line: string): string {
  const { from, ...rest } = JSON.parse(line) as AuditRecord
  return JSON.stringify({ from, ...rest })
}

function verify(lines: readonly string[], checkpoint?: ChainEnd): Promise<Verdict> {
  return verifyAuditTrail(pieces(lines.map((line) => `${line}\n`).join(''), 1000), checkpoint)
}

async function* pieces(text: string, length: number): AsyncIterable<string> {
  for (let at = 0; at < text.length; at += length) yield text.slice(at, at + length)
}

function command(args: readonly string[]): Promise<{ code: unknown; output: string }> {
  const script = new URL('../../src/verify-audit.ts', import.meta.url).pathname
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, output: stdout + stderr })
    })
  })
}
