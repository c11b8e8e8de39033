/** Kills providers under load, fills their disks and rotates their files: the trail always verifies, and lacks no answer. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { auditFile } from '../../src/audit/file.ts'
import { AuditTrail } from '../../src/audit/trail.ts'
import { runAuditCommand } from '../../src/audit-command.ts'
import { until } from '../cases/case.ts'
import { secretFileOf, startUpstream } from '../gateway/upstream.ts'
import { Pki, SSP_FQDN } from '../pki.ts'
import { readRecords } from '../practice.ts'
import { ask } from '../requests.ts'
import type { DiskFault } from './disk-faults.ts'
import { entry } from './entries.ts'

const FAULTS = join(import.meta.dirname, 'disk-faults.ts')
const PROVIDER = join(import.meta.dirname, 'provider-process.ts')
const VERIFY = join(import.meta.dirname, '../../bin/gp-connect-verify-audit.cjs')

/** How a file can be rotated while the provider is down. */
const ROTATIONS: Readonly<Record<string, (file: string) => void>> = {
  'no rotation': () => {},
  renamed: (file) => renameSync(file, `${file}.1`),
  'renamed, and created': (file) => {
    renameSync(file, `${file}.1`)
    writeFileSync(file, '')
  },
  'renamed with a date': (file) => renameSync(file, `${file}-20260105`),
  'copied and truncated': (file) => {
    copyFileSync(file, `${file}.1`)
    truncateSync(file)
  },
}

describe('audit trail after a crash', () => {
  let pki: Pki
  let folder: string
  let file: string

  before(async () => {
    pki = await Pki.create()
  })

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'gp-connect-crash-'))
    file = join(folder, 'audit.jsonl')
  })

  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  after(() => pki[Symbol.asyncDispose]())

  // biome-ignore format: a table
  const KILLS: readonly (readonly [DiskFault['call'], DiskFault['when'], number, 'interval' | 'always'])[] = [
    ['record', 'half',   4, 'interval'],
    ['record', 'after',  4, 'interval'],
    ['record', 'after',  1, 'interval'],
    ['head',   'half',   1, 'interval'],
    ['head',   'after',  4, 'interval'],
    ['flush',  'after',  4, 'always'],
  ]

  for (const [call, when, at, flush] of KILLS) {
    it(`verifies after a kill at ${call} ${at}, ${when}, however the file is rotated`, async () => {
      await using provider = await start(flush, [{ call, at, when, what: 'kill' }])
      const answered = await provider.load()

      const left = readdirSync(folder)
      const verdicts: Record<string, unknown> = {}
      for (const [name, rotate] of Object.entries(ROTATIONS)) {
        const place = join(folder, name)
        mkdirSync(place)
        for (const one of left) copyFileSync(join(folder, one), join(place, one))
        const copy = join(place, 'audit.jsonl')
        rotate(copy)
        await restart(copy)
        const files = [`${copy}.1`, `${copy}-20260105`, copy].filter((one) => existsSync(one))
        verdicts[name] = [await verify(files), missing(answered, files)]
      }
      const right = Object.keys(ROTATIONS).map((name) => [name, [0, []]])
      expect(verdicts).to.deep.equal(Object.fromEntries(right))
    })
  }

  it('verifies after a kill at any time while the file is rotated', async () => {
    const files: string[] = []
    await using provider = await start('interval', [])
    const loaded = provider.load()
    const end = Date.now() + 300 + Math.random() * 200
    while (Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 40))
      rotate(files)
    }
    provider.kill()
    rotate(files)
    const all = await restartRotated(files, loaded)

    const { stdout } = await promisify(execFile)(process.execPath, [VERIFY, ...all])
    expect(stdout).to.match(/^intact: \d+ records/)
  })

  it('verifies after a full disk at each call, rotated under load', async () => {
    const files: string[] = []
    await using provider = await start('always', [
      { call: 'record', at: 3, when: 'before', what: 'full' },
      { call: 'record', at: 5, when: 'half', what: 'full' },
      { call: 'head', at: 6, when: 'before', what: 'full' },
      { call: 'head', at: 8, when: 'half', what: 'full' },
      { call: 'flush', at: 9, when: 'before', what: 'full' },
    ])
    const loaded = provider.load()
    await until(() => lines(file) > 20)
    rotate(files)
    await until(() => lines(file) > 3)
    provider.kill()
    const all = await restartRotated(files, loaded)

    expect(all.flatMap((one) => readRecords(one)).map(({ errorCode }) => errorCode)).to.include('AUDIT_LINES_CUT')
  })

  it('verifies after a kill and a full disk while the file of a gateway is rotated', async () => {
    await using upstream = await startUpstream((_, response) =>
      response.end(JSON.stringify({ resourceType: 'Patient' })),
    )
    secretFileOf(pki)
    const files: string[] = []
    await using provider = await start(
      'always',
      [
        { call: 'record', at: 3, when: 'before', what: 'full' },
        { call: 'record', at: 5, when: 'half', what: 'full' },
        { call: 'head', at: 6, when: 'half', what: 'full' },
        { call: 'flush', at: 9, when: 'before', what: 'full' },
        { call: 'record', at: 30, when: 'half', what: 'kill' },
      ],
      undefined,
      upstream.url,
    )
    const loaded = provider.load()
    await until(() => lines(file) > 10)
    rotate(files)
    const all = await restartRotated(files, loaded)

    expect(all.flatMap((one) => readRecords(one)).map(({ errorCode }) => errorCode)).to.include('AUDIT_LINES_CUT')
    expect([...(await loaded)]).to.have.length.above(10)
  })

  it('verifies when files may not grow, and continues after a rotation', async () => {
    const files: string[] = []
    await using provider = await start('interval', [], 8)
    const loaded = provider.load()
    await until(() => provider.refused() > 3)
    rotate(files)
    await until(() => lines(file) > 1)
    provider.kill()
    await restartRotated(files, loaded)
  })

  /** Rotates once more after the end, starts again, and returns the files, which verify and lack no answered request. */
  async function restartRotated(files: string[], loaded: Promise<Parameters<typeof missing>[0]>): Promise<string[]> {
    const answered = await loaded
    rotate(files)
    await restart(file)
    const all = [...files, file]
    expect([await verify(all), missing(answered, all)]).to.deep.equal([0, []])
    return all
  }

  /** Starts a provider process, with files of at most `kibibytes`; a gateway if there is an upstream. */
  async function start(flush: string, faults: readonly DiskFault[], kibibytes?: number, upstream?: string) {
    const given = [
      '--import',
      FAULTS,
      PROVIDER,
      file,
      flush,
      pki.folder,
      SSP_FQDN,
      pki.caFiles.join(),
      pki.crlFiles.join(),
    ]
    const limit = kibibytes === undefined ? '' : `ulimit -f ${kibibytes}; `
    const child = spawn('bash', ['-c', `${limit}exec "$0" "$@"`, process.execPath, ...given], {
      env: { ...process.env, DISK_FAULTS: JSON.stringify(faults), ...(upstream && { UPSTREAM: upstream }) },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    const [port] = (await Promise.race([once(child.stdout, 'data'), ended])) as [unknown]
    return new ProviderProcess(child, ended, Number(String(port)), pki)
  }

  function rotate(files: string[]): void {
    if (!existsSync(file)) return
    const to = `${file}.${files.length + 1}`
    renameSync(file, to)
    files.push(to)
  }
})

/** A provider process, and what it has answered. */
class ProviderProcess implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  readonly #port: number
  readonly #pki: Pki
  #refused = 0

  constructor(child: ChildProcess, ended: Promise<unknown>, port: number, pki: Pki) {
    this.#child = child
    this.#ended = ended
    this.#port = port
    this.#pki = pki
  }

  /** Sends requests, six at a time, until the process has ended. Resolves to the trace ids of those that were answered. */
  async load(): Promise<ReadonlySet<string>> {
    const answered = new Set<string>()
    let ended = false
    this.#ended.then(() => {
      ended = true
    })
    const client = async (): Promise<void> => {
      while (!ended) {
        const traceId = randomUUID()
        const { status } = await ask(this.#port, this.#pki, { traceId })
        if (status === 200) answered.add(traceId)
        if (status === 500) this.#refused += 1
      }
    }
    await Promise.all(Array.from({ length: 6 }, client))
    return answered
  }

  /** How many requests had no record. */
  refused(): number {
    return this.#refused
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill()
    await this.#ended
  }
}

/** What the next start of a provider does with the trail, and its first record. */
async function restart(file: string): Promise<void> {
  const trail = new AuditTrail(auditFile(file))
  await trail.append(entry('Patient/1'))
  await trail.close()
}

async function verify(files: readonly string[]): Promise<string | number> {
  let text = ''
  const write = (more: string): void => {
    text += more
  }
  const code = await runAuditCommand(['verify', ...files], { write, error: write })
  return code === 0 ? 0 : text
}

/** How many whole lines a file has that is being written. */
function lines(file: string): number {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0
}

/** The answered requests without a record. */
function missing(answered: ReadonlySet<string>, files: readonly string[]): readonly string[] {
  const recorded = new Set(files.flatMap((file) => readRecords(file)).map(({ traceId }) => traceId))
  return [...answered].filter((traceId) => !recorded.has(traceId))
}
