/** Every command that the runbook and the README name, run as it stands there. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { runCommand } from '../../src/cli.ts'
import { openSqlite } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { makeDevelopmentCertificate } from '../../src/testing/index.ts'
import { dead, incoming } from '../submissions.ts'

const RUNBOOK = readFileSync(resolve(import.meta.dirname, '../../../../docs/operations.md'), 'utf8')
const README = readFileSync(resolve(import.meta.dirname, '../../README.md'), 'utf8')

/** In code spans and blocks, with their arguments; a name alone is a mention. Comments at the end of a line are none of it. */
function commandsOf(text: string, name: string): string[] {
  const spans = [...text.matchAll(new RegExp(`\`${name} ([a-z-]+[^\`\n]*)\``, 'g'))]
  const blocks = [...text.matchAll(/^ *```[a-z]*\n([\s\S]*?)^ *```$/gm)].map(([, block = '']) => block).join('\n')
  const lines = [...blocks.matchAll(new RegExp(`^ *(?:\\$ )?${name} ([a-z-]+.*)$`, 'gm'))]
  return [...spans, ...lines].map(([, words = '']) => words.replace(/ +#.*$/, '').trim())
}

const COMMANDS = [
  ...commandsOf(RUNBOOK, 'adapter'),
  ...commandsOf(README, 'npx @formbuilder/adapter-sdk').filter((words) => !/^\/|[<>|]/.test(words)),
]

/** Commands that are only named need what they cannot do without. */
const COMPLETED: Readonly<Record<string, string>> = {
  redrive: 'redrive ID',
  discard: 'discard ID --reason "case 492233"',
  show: 'show ID',
  'discard ID': 'discard ID --reason "case 492233"',
  'retry-now': 'retry-now --all',
  backup: 'backup /backup/adapter',
  restored: 'restored --backup-taken ... --lost-at ...',
  openapi: 'openapi MODULE',
}

describe('the runbook', () => {
  let folder: string
  let store: Store
  let id: string
  const open = async () => {
    store = await openSqlite(folder, { migrate: true, horizonSeconds: 3600 })
  }
  const letter = async (submissionId: string, code: string, uncertain = false) => {
    await store.accept([incoming({ form: 'complaint', submissionId })])
    const claims = await store.turn({
      settle: [],
      claim: [{ form: 'complaint', most: 1, suspects: 0 }],
      leaseSeconds: 30,
    })
    const settle = claims.map((claim) => ({ claim, ending: dead({ code, uncertain }) }))
    await store.turn({ settle, claim: [], leaseSeconds: 30 })
  }
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'runbook-test-'))
    const certificate = await makeDevelopmentCertificate(90)
    writeFileSync(join(folder, 'cert.pem'), certificate.cert)
    writeFileSync(join(folder, 'key.pem'), certificate.key)
    await open()
    await store.recordForms([{ name: 'complaint', asksFirst: false }])
  })
  after(async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  beforeEach(() => {
    id = crypto.randomUUID()
  })
  // A command finds nothing that one before it has left.
  afterEach(async () => {
    await store.resume('complaint', 'test', null)
    await store.retryNow(await store.list({ state: 'waiting' }, { limit: 9, offset: 0 }), 'test', null)
    const claim = [{ form: 'complaint', most: 9, suspects: 9 }]
    const claims = await store.turn({ settle: [], claim, leaseSeconds: 30 })
    const settle = claims.map((each) => ({ claim: each, ending: dead() }))
    await store.turn({ settle, claim: [], leaseSeconds: 30 })
    await store.discard(await store.list({ state: 'dead' }, { limit: 9, offset: 0 }), 'test', 'x')
    expect([await store.count({ state: 'waiting' }), await store.count({ state: 'dead' })]).to.deep.equal([0, 0])
  })

  async function run(words: string): Promise<{ code: number; out: string }> {
    const place = (name: string) => join(folder, name)
    const times = [new Date(Date.now() - 7_200_000), new Date(Date.now() - 3_600_000)].map((time) => time.toISOString())
    const argv = [...words.replace(/ > .*/, '').matchAll(/"([^"]*)"|(\S+)/g)]
      .map(([, quoted, word]) => quoted ?? word ?? '')
      .map((word) => (/^(\.\.\.|2026-.*Z)$/.test(word) ? (times.shift() ?? word) : word))
      .map((word) => (word === 'ID' || /^[0-9a-f]{8}-/.test(word) ? id : word === 'CODE' ? 'ERR_TEAM_UNKNOWN' : word))
      .map((word) => (word === 'FORM' ? 'complaint' : word))
      .map((word) => (word.startsWith('/backup/') ? place('backup') : word))
    const out: string[] = []
    const read = new AbortController()
    const output = {
      out: (text: string) => {
        out.push(text)
        // One look is enough.
        if (words.startsWith('watch')) read.abort()
      },
      error: (text: string) => out.push(text),
      closed: read.signal,
    }
    const environment = {
      DATA_DIR: folder,
      JWE_SHARED_KEY: 'k7Wq2mZx9LtR4vBn',
      TLS_CERT_FILE: place('cert.pem'),
      TLS_KEY_FILE: place('key.pem'),
    }
    return { code: await runCommand(argv, { environment, output }), out: out.join('\n') }
  }

  it('names commands', () => {
    expect(COMMANDS).to.include.members(['check --deep', 'submissions --state dead', 'redrive --code CODE'])
  })

  for (const words of new Set(
    COMMANDS.map((each) => COMPLETED[each] ?? each).filter((each) => !each.includes('MODULE')),
  ))
    it(`has a command that works: ${words}`, async () => {
      await letter(id, 'ERR_TEAM_UNKNOWN', /uncertain|found in/.test(words))
      if (words.startsWith('retry-now')) {
        await store.redrive(await store.list({}, { limit: 1, offset: 0 }), 'test', null)
      }
      if (words.startsWith('resume')) await store.pause('complaint', 'test', 'x')
      // Refused while another process has the store open, as the runbook says.
      if (words.startsWith('restored')) await store.close()

      const { code, out } = await run(words)

      if (words.startsWith('restored')) await open()
      expect([words, code, out.includes('error:')]).to.deep.equal([words, 0, false], out)
    })

  it('shows what the README prints of a dead letter, and discards an uncertain one as it says', async () => {
    await letter(id, 'ERR_TEAM_UNKNOWN')
    const shown = await run('show ID')
    const printed = README.split(/^\$ npx @formbuilder\/adapter-sdk show .*$/m)[1]?.split('```')[0] ?? ''
    const example = /discard \S+ (--reason "found in Optics as \d+")/.exec(README)?.[1] ?? ''
    const names = (text: string) => [...text.matchAll(/^([a-z]+) {2,}\S/gm)].map(([, name]) => name)
    const advice = (text: string) =>
      text.replace(/^[\s\S]*?\n(?=No attempt has reported a case)/, '').replaceAll(/[0-9a-f-]{36}|revision \d+/g, 'X')

    await store.discard(await store.list({ state: 'dead' }, { limit: 9, offset: 0 }), 'test', 'x')
    id = crypto.randomUUID()
    await letter(id, 'ERR_CASEWORK_TIMEOUT', true)
    const discarded = await run(`discard ID ${example}`)

    expect(names(shown.out)).to.deep.equal(names(printed))
    expect(advice(shown.out.trim())).to.equal(advice(printed.trim()))
    expect(discarded.code).to.equal(0)
    expect(README).to.include(discarded.out.split('\n')[0])
  })
})
