/** Tests the commands for an audit trail. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { type AuditEntry, type AuditRecord, CHAIN_START, sealEntry } from '../../src/audit/record.ts'
import { runAuditCommand } from '../../src/audit-command.ts'
import { entry } from './entries.ts'

const NHS_NUMBER = 'Patient?identifier=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C9000000009'
const ENTRIES: readonly AuditEntry[] = [
  { ...entry('Patient/1'), timestamp: '2026-01-05T09:00:00.000Z' },
  { ...entry('Patient/12/Appointment'), timestamp: '2026-01-05T10:00:00.000Z', to: '918999198994' },
  { ...entry(NHS_NUMBER), timestamp: '2026-01-06T09:00:00.000Z', userId: 'u-77', userName: 'Dr Anna Beth Smith' },
  {
    ...entry('Patient/1/Appointment'),
    timestamp: '2026-01-07T09:00:00.000Z',
    outcome: 'refused',
    status: 403,
    errorCode: 'NO_PATIENT_CONSENT',
    organizationName: '=HYPERLINK("x"), a "surgery"',
  },
]

describe('gp-connect-audit', () => {
  let folder: string
  let file: string

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'gp-connect-audit-command-'))
    file = join(folder, 'audit.jsonl')
    writeFileSync(file, trail(ENTRIES))
  })

  after(() => rmSync(folder, { recursive: true }))

  // biome-ignore format: a table
  const SEARCHES: readonly (readonly [options: readonly string[], sequences: readonly number[]])[] = [
    [[],                                                          [1, 2, 3, 4]],
    [['--practice', '918999198994'],                              [2]],
    [['--patient', 'Patient/1'],                                  [1, 4]],
    [['--patient', '9000000009'],                                 [3]],
    [['--patient', '900000000'],                                  []],
    [['--user', 'u-77'],                                          [3]],
    [['--user', 'beth'],                                          [3]],
    [['--user', '98ed4f78-814d-4266-8d5b-cde742f3093c'],          [1, 2, 3, 4]],
    [['--since', '2026-01-06'],                                   [3, 4]],
    [['--until', '2026-01-05T10:00:00Z'],                         [1]],
    [['--since', '2026-01-05T10:00:00Z', '--until', '2026-01-07'], [2, 3]],
    [['--code', 'NO_PATIENT_CONSENT'],                            [4]],
    [['--code', '403'],                                           [4]],
    [['--code', 'served', '--patient', 'Patient/1'],              [1]],
  ]

  for (const [options, sequences] of SEARCHES) {
    it(`search ${options.join(' ')} finds ${JSON.stringify(sequences)}`, async () => {
      const { code, written } = await run('search', ...options, file)

      const found = written
        .split('\n')
        .filter(Boolean)
        .map((line) => (JSON.parse(line) as AuditRecord).sequence)
      expect([code, found]).to.deep.equal([0, sequences])
    })
  }

  it('export writes CSV that no spreadsheet takes for a formula', async () => {
    const { code, written } = await run('export', '--code', '403', file)

    const [head, line, rest] = written.split('\r\n')
    expect([code, rest]).to.deep.equal([0, ''])
    expect(head).to.equal(
      'sequence,timestamp,outcome,traceId,from,to,interactionId,userId,userLocalId,userName,userRole,organization,organizationName,device,address,forwarded,dataId,status,errorCode,previousHash,hash',
    )
    expect(line).to.include('4,2026-01-07T09:00:00.000Z,refused,').and.include(`,"'=HYPERLINK(""x""), a ""surgery""",`)
  })

  it('export has a column for every member of a record', async () => {
    const [line = ''] = trail(ENTRIES).split('\n')

    const { written } = await run('export', file)

    expect(written.split('\r\n')[0]).to.equal(Object.keys(JSON.parse(line) as object).join(','))
  })

  for (const [options, length] of [
    [[], 4],
    [['--patient', 'Patient/99'], 0],
  ] as const) {
    it(`export writes a JSON list of ${length}`, async () => {
      const { code, written } = await run('export', '--format', 'json', ...options, file)

      expect(code).to.equal(0)
      expect(JSON.parse(written)).to.have.length(length)
    })
  }

  it('reads rotated files that are compressed', async () => {
    const [one = '', ...others] = trail(ENTRIES).split(/(?<=\n)/)
    const old = join(folder, 'audit.jsonl.1.gz')
    const current = join(folder, 'current.jsonl')
    writeFileSync(old, gzipSync(one))
    writeFileSync(current, others.join(''))

    expect((await run('verify', old, current)).written).to.match(/^intact: 4 records/)
    expect((await run('search', old, current)).written.trim().split('\n')).to.have.length(4)
  })

  it('names a line that was changed, prints the others, and exits with 1', async () => {
    const changed = join(folder, 'changed.jsonl')
    writeFileSync(changed, readFileSync(file, 'utf8').replace('Anna', 'Hanna'))

    const { code, written, errors } = await run('search', changed)

    expect([code, errors]).to.deep.equal([1, 'line 3 is not a record, or was changed\n'])
    expect(written.trim().split('\n')).to.have.length(3)
    expect((await run('verify', changed)).code).to.equal(1)
  })

  for (const args of [['--help'], ['verify', '--help'], ['search', '-h'], ['export', '--help', 'x']]) {
    it(`${args.join(' ')} is help`, async () => {
      const { code, written, errors } = await run(...args)

      expect([code, errors]).to.deep.equal([0, ''])
      expect(written).to.match(/^Usage: npx @formbuilder\/gp-connect-provider search/)
    })
  }

  for (const args of [
    [],
    ['search'],
    ['prune', 'x'],
    ['verify', '--patient', '1', 'x'],
    ['search', '--format', 'csv', 'x'],
    ['export', '--format', 'toString', 'x'],
    ['search', '--since', 'yesterday', 'x'],
    ['search', '--patients', '1', 'x'],
    ['verify', '--checkpoint', '1', 'x'],
    ['search', '/no/such/file'],
  ]) {
    it(`${JSON.stringify(args)} is a mistake`, async () => {
      const { code, errors } = await run(...args)

      expect(code).to.equal(2)
      expect(errors).to.match(
        args.length === 0 ? /^Usage: / : /^error: [a-z-].*\n\(npx .* --help shows how to use it\)\n$/,
      )
    })
  }

  it('a mistake names what is wrong', async () => {
    const bad = join(folder, 'bad.gz')
    writeFileSync(bad, 'not compressed')
    const errors = await Promise.all(
      [
        ['search', '/no/such/file'],
        ['search', bad],
        ['search', '--patients', '1'],
        ['prune'],
        ['verify', '--code', '1', 'x'],
      ].map(async (args) => (await run(...args)).errors.split('\n')[0]),
    )

    expect(errors).to.deep.equal([
      'error: the file /no/such/file cannot be read (ENOENT)',
      `error: the file ${bad} cannot be read (Z_DATA_ERROR)`,
      "error: unknown option '--patients'",
      "error: unknown command 'prune'",
      "error: verify has no option '--code'",
    ])
  })

  it('runs as a command', async () => {
    const command = new URL('../../bin/gp-connect-audit.cjs', import.meta.url).pathname

    const printed = await new Promise((resolve) => {
      execFile(command, ['search', '--patient', '9000000009', file], (error, stdout) => resolve([error, stdout]))
    })

    expect(printed).to.deep.equal([null, `${trail(ENTRIES).split('\n')[2]}\n`])
  })
})

async function run(...args: string[]): Promise<{ code: number; written: string; errors: string }> {
  let written = ''
  let errors = ''
  const code = await runAuditCommand(args, {
    write(text) {
      written += text
    },
    error(text) {
      errors += text
    },
  })
  return { code, written, errors }
}

function trail(entries: readonly AuditEntry[]): string {
  let end = CHAIN_START
  return entries
    .map((one) => {
      const sealed = sealEntry(one, end)
      end = sealed.end
      return `${sealed.line}\n`
    })
    .join('')
}
