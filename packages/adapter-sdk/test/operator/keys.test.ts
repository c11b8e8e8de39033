/** The command that shows the keys, as the runbook prints it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { runCommand } from '../../src/cli.ts'
import { generateKey, parseKeyring } from '../../src/protocol/keyring.ts'
import { keyIds } from '../../src/store/key-id.ts'
import { openSqlite } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { dead, delivered, incoming } from '../submissions.ts'

const RUNBOOK = resolve(import.meta.dirname, '../../../../docs/operations.md')
const DAY_MILLISECONDS = 86_400_000
const [OLD, NEW] = [generateKey(16), generateKey(16)]
const environment = { JWE_SHARED_KEY: NEW, JWE_PREVIOUS_KEYS: OLD }

describe('the command keys', () => {
  let folder: string
  let store: Store
  let ago: number
  let ids: readonly string[]
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'keys-test-'))
    const now = () => new Date(Date.now() - ago * DAY_MILLISECONDS)
    ago = 0
    store = await openSqlite(folder, { migrate: true, horizonSeconds: 3600, now })
    ids = (await keyIds({ complaint: parseKeyring(NEW, [OLD]) }, await store.keySalt()))['complaint'] ?? []
  })
  afterEach(async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function handle(position: number, ending: ReturnType<typeof delivered>): Promise<void> {
    const keyId = ids[position] ?? ''
    await store.accept([incoming({ keyId })])
    const wanted = [{ form: 'complaint', most: 1, suspects: 0 }]
    const claims = await store.turn({ settle: [], claim: wanted, leaseSeconds: 30 })
    await store.turn({ settle: claims.map((claim) => ({ claim, ending })), claim: [], leaseSeconds: 30 })
    await store.useKeys((['receive', 'deliver'] as const).map((what) => ({ form: 'complaint', keyId, what })))
  }
  async function run(argv: readonly string[], settings: { [name: string]: string } = environment) {
    const out: string[] = []
    const output = { out: (text: string) => out.push(text), error: (text: string) => out.push(text) }
    return {
      code: await runCommand(argv, { environment: { ...settings, DATA_DIR: folder }, output }),
      out: out.join('\n'),
    }
  }
  const anyTime = (text: string) => text.replace(/\d{4}-\d\d-\d\d( \d\d:\d\d)?/g, (time) => time.replace(/\d/g, '0'))

  it('runs as the runbook prints it, and prints what the runbook shows', async () => {
    const section = readFileSync(RUNBOOK, 'utf8').split('## Rotating the shared key')[1]?.split('\n## ')[0] ?? ''
    const [commands = '', shown = ''] = [...section.matchAll(/```(?:sh)?\n([\s\S]*?)```/g)].map(([, block = '']) =>
      block.replace(/^ {3}/gm, '').trim(),
    )
    ago = 9
    await handle(1, dead() as never)
    await handle(0, delivered())
    ago = 0
    await handle(0, delivered())

    const { code, out } = await run(commands.split(' ').slice(1))

    expect(commands).to.equal('adapter keys')
    expect(code).to.equal(0)
    expect(anyTime(out)).to.equal(anyTime(shown))
  })

  it('says of a store without a submission that nothing was received', async () => {
    expect(await run(['keys'])).to.deep.equal({ code: 0, out: 'no form has received anything yet' })
  })

  it('shows every form that has its own key, received or not', async () => {
    const { out } = await run(['keys', '--json'], { ...environment, JWE_SHARED_KEY__COMMENT: OLD })

    expect(JSON.parse(out).keys).to.deep.equal([
      {
        ...{ form: 'comment', position: 0, lastReceivedAt: null, lastDeliveredAt: null },
        ...{ neededBy: { waiting: 0, dead: 0, kept: 0 }, state: 'current', safeFrom: null },
      },
    ])
  })

  it('writes CSV, with empty cells for what never was', async () => {
    const { code, out } = await run(['keys', '--csv'], { ...environment, JWE_SHARED_KEY__COMMENT: OLD })

    expect(code).to.equal(0)
    expect(out.split('\r')).to.deep.equal([
      'form,position,lastReceivedAt,lastDeliveredAt,waiting,dead,kept,state,safeFrom',
      '\ncomment,0,,,0,0,0,current,',
      '',
    ])
    expect((await run(['keys', '--csv', '--json'])).code).to.equal(2)
  })

  it('says what is wrong with a key, and does not show it', async () => {
    await handle(0, delivered())
    const { code, out } = await run(['keys'], { JWE_SHARED_KEY: NEW, JWE_PREVIOUS_KEYS: 'secret-but-short' + 'x' })

    expect(code).to.equal(1)
    expect(out).to.match(/^ERR_CONFIG_INVALID: JWE_PREVIOUS_KEYS: key 1 is 17 characters long/)
    expect(out).to.not.contain('secret')
  })
})
