import { expect } from 'chai'
import { createAdapter } from '../src/adapter.ts'
import { runCommand } from '../src/cli.ts'
import { loadConfig } from '../src/config.ts'
import { PermanentError } from '../src/errors.ts'
import { encryptCompact } from '../src/protocol/jwe.ts'
import { generateKey, type Key, parseKeyring } from '../src/protocol/keyring.ts'
import { startTestAdapter, type TestAdapter } from '../src/testing/index.ts'
import { sharedPostgres } from './shared-postgres.ts'

const METRICS = `Basic ${Buffer.from('metrics:correct horse battery').toString('base64')}`
const [OLD, NEW, OWN] = [generateKey(16), generateKey(16), generateKey(32)]

describe('keys', () => {
  let environment: { [name: string]: string }
  let fails: boolean
  let running: TestAdapter | undefined
  beforeEach(async () => {
    // On PostgreSQL, so that an adapter with other keys can start on the same submissions.
    environment = {
      DATABASE_URL: await (await sharedPostgres()).database(),
      METRICS_AUTH_USERNAME: 'metrics',
      METRICS_AUTH_PASSWORD: 'correct horse battery',
    }
    fails = false
  })
  afterEach(async () => {
    await running?.stop()
    running = undefined
  })

  const handle = async () => {
    if (fails) throw new PermanentError('not now')
    return undefined
  }
  async function start(keys: { [name: string]: string }): Promise<TestAdapter> {
    await running?.stop()
    const forms = { complaint: { path: '/v2/complaint', handle }, comment: { path: '/v2/comment', handle } }
    running = await startTestAdapter(createAdapter({ forms }), { environment: { ...environment, ...keys } })
    return running
  }
  async function send(adapter: TestAdapter, key: string, path = '/v2/complaint') {
    const submissionId = crypto.randomUUID()
    const payload = { serviceSlug: 'test-form', submissionId, submissionAnswers: {}, attachments: [] }
    const body = await encryptCompact(JSON.stringify(payload), parseKeyring(key).keys[0] as Key)
    const { status } = await adapter.request('POST', path, { body })
    return { submissionId, status }
  }

  it('that are previous ones still let submissions in, which are delivered', async () => {
    const adapter = await start({ JWE_SHARED_KEY: NEW, JWE_PREVIOUS_KEYS: OLD })

    const { status, submissionId } = await send(adapter, OLD)

    expect(status).to.equal(201)
    expect((await adapter.ended(submissionId)).state).to.equal('delivered')
  })

  it('that were removed let nothing in', async () => {
    const adapter = await start({ JWE_SHARED_KEY: NEW })

    expect((await send(adapter, OLD)).status).to.equal(401)
  })

  it('that were removed too early lose nothing: their submissions are dead letters until the key is back', async () => {
    fails = true
    const { submissionId } = await send(await start({ JWE_SHARED_KEY: OLD }), OLD)
    await running?.ended(submissionId)
    fails = false

    const without = await start({ JWE_SHARED_KEY: NEW })
    await without.running.ledger.redrive({ id: submissionId }, 'a test')
    const record = await without.ended(submissionId)
    const again = await start({ JWE_SHARED_KEY: NEW, JWE_PREVIOUS_KEYS: OLD })
    await again.running.ledger.redrive({ code: 'ERR_JWE_DECRYPTION_FAILED' }, 'a test')
    const after = await again.ended(submissionId)

    expect(record).to.include({ state: 'dead', code: 'ERR_JWE_DECRYPTION_FAILED', uncertain: false })
    expect(after.state).to.equal('delivered')
  })

  it('of one form let no submission into another form', async () => {
    const adapter = await start({ JWE_SHARED_KEY: NEW, JWE_SHARED_KEY__COMPLAINT: OWN })

    const [own, common, elsewhere, ofAnother] = [
      await send(adapter, OWN),
      await send(adapter, NEW),
      await send(adapter, NEW, '/v2/comment'),
      await send(adapter, OWN, '/v2/comment'),
    ]

    expect([own, common, elsewhere, ofAnother].map(({ status }) => status)).to.deep.equal([201, 401, 201, 401])
    expect((await adapter.ended(own.submissionId)).state).to.equal('delivered')
    expect((await adapter.ended(elsewhere.submissionId)).state).to.equal('delivered')
  })

  it('of one form have their own previous keys', async () => {
    const adapter = await start({
      JWE_SHARED_KEY: generateKey(16),
      JWE_SHARED_KEY__COMPLAINT: OWN,
      JWE_PREVIOUS_KEYS__COMPLAINT: OLD,
      JWE_PREVIOUS_KEYS: NEW,
    })

    const statuses = [await send(adapter, OLD), await send(adapter, NEW), await send(adapter, NEW, '/v2/comment')]

    expect(statuses.map(({ status }) => status)).to.deep.equal([201, 401, 201])
  })

  it('are known by their use across restarts, replicas and new positions', async () => {
    const uses = async (adapter: TestAdapter) => (await adapter.running.store.keyUses()).uses
    const first = await start({ JWE_SHARED_KEY: OLD })
    const one = await send(first, OLD)
    await first.ended(one.submissionId)
    const again = await start({ JWE_SHARED_KEY: NEW, JWE_PREVIOUS_KEYS: OLD })
    const { text } = await again.request('GET', '/metrics', { headers: { Authorization: METRICS } })
    const two = await send(again, NEW)
    await again.ended(two.submissionId)
    await running?.stop()
    running = undefined
    const last = await start({ JWE_SHARED_KEY: NEW, JWE_PREVIOUS_KEYS: OLD })

    const known = await uses(last)
    expect(new Set(known.map(({ keyId }) => keyId))).to.have.property('size', 2)
    expect(known.map(({ form, what }) => [form, what].join())).to.have.members(
      ['receive', 'receive', 'deliver', 'deliver'].map((what) => `complaint,${what}`),
    )
    expect(text).to.match(/key_last_used_timestamp_seconds\{form="complaint",position="1",use="received"\} \d/)
    expect(text).to.match(/^formbuilder_previous_keys_receiving\{form="complaint"\} 1$/m)
  })

  it('that were removed although something needs them are named by a start, with counts for each form', async () => {
    fails = true
    const adapter = await start({ JWE_SHARED_KEY: OLD })
    for (const path of ['/v2/complaint', '/v2/complaint', '/v2/comment']) {
      await adapter.ended((await send(adapter, OLD, path)).submissionId)
    }
    fails = false
    await adapter.ended((await send(adapter, OLD)).submissionId)

    const missing = async (keys: { [name: string]: string }) => {
      const started = await start(keys)
      await started.stop()
      return started.events.filter(({ event }) => event === 'key.missing').map((event) => ({ ...event, detail: '' }))
    }
    const about = { event: 'key.missing', waiting: 0, detail: '' }
    expect(await missing({ JWE_SHARED_KEY: NEW })).to.deep.equal([
      { ...about, form: 'comment', dead: 1, kept: 0 },
      { ...about, form: 'complaint', dead: 2, kept: 1 },
    ])
    expect(await missing({ JWE_SHARED_KEY: NEW, JWE_PREVIOUS_KEYS: OLD })).to.deep.equal([])
  })

  it('are shown by the command, by position, with what needs them and when they are safe to remove', async () => {
    const settings = { JWE_SHARED_KEY: NEW, JWE_PREVIOUS_KEYS: `${OWN},${OLD}` }
    const adapter = await start(settings)
    for (const [key, path] of [
      [OLD, '/v2/complaint'],
      [OWN, '/v2/complaint'],
      [NEW, '/v2/comment'],
    ] as const) {
      await adapter.ended((await send(adapter, key, path)).submissionId)
    }
    await running?.stop()
    running = undefined
    const run = async (keys: { [name: string]: string }, ...argv: string[]) => {
      const lines: string[] = []
      const output = { out: (text: string) => lines.push(text), error: (text: string) => lines.push(text) }
      const code = await runCommand(['keys', ...argv], { environment: { ...environment, ...keys }, output })
      return { code, text: lines.join('\n') }
    }

    const { text } = await run(settings)
    const { keys } = JSON.parse((await run(settings, '--json')).text)
    const removed = await run({ JWE_SHARED_KEY: NEW })
    await (await sharedPostgres()).query(
      "UPDATE formbuilder.key_use SET first_at = first_at - interval '29 days', last_at = last_at - interval '29 days'",
      environment['DATABASE_URL'] ?? '',
    )
    await (await sharedPostgres()).query(
      'UPDATE formbuilder.submission SET erased_at = now()',
      environment['DATABASE_URL'] ?? '',
    )
    const later = await run(settings)

    expect(text.split('\n').map((line) => line.split(/ {2,}/).filter((cell) => !/^\d{4}/.test(cell)))).to.deep.equal([
      ['FORM', 'KEY', 'RECEIVED', 'DELIVERED', 'NEEDED BY', 'SAFE TO REMOVE'],
      ['comment', '0', '1 kept', 'no: the current key'],
      ['comment', '1', 'never', 'never', '-', text.match(/in 28 days \(.*\), if nothing needs it/)?.[0]],
      ['comment', '2', 'never', 'never', '-', text.match(/in 28 days \(.*\), if nothing needs it/)?.[0]],
      ['complaint', '0', 'never', 'never', '-', 'no: the current key'],
      ['complaint', '1', '1 kept', 'no: nothing has come with a newer key'],
      ['complaint', '2', '1 kept', text.match(/in 28 days \(.*\), if nothing needs it/)?.[0]],
    ])
    expect(keys).to.have.length(6)
    expect(keys[5]).to.deep.include({ position: 2, state: 'early', neededBy: { waiting: 0, dead: 0, kept: 1 } })
    expect(removed.text).to.match(/^complaint +removed .* 1 kept +put it back: something needs it$/m)
    expect(later.text).to.match(/^complaint +2 .* - +since \d{4}-\d\d-\d\d$/m)
    const all = [text, JSON.stringify(keys), removed.text, later.text].join()
    for (const key of [OLD, NEW, OWN]) expect(all).to.not.contain(key)
    expect(await run({})).to.deep.include({ code: 1 })
  })

  const settings = { TRUST_PROXY: '127.0.0.1', JWE_SHARED_KEY: NEW }
  for (const [wrong, problem] of [
    [
      { JWE_SHARED_KEY__COMPLAIN: OWN },
      /JWE_SHARED_KEY__COMPLAIN does not belong to a form: the forms are COMPLAINT, COMMENT/,
    ],
    [{ JWE_PREVIOUS_KEYS__COMMENT: OLD }, /JWE_PREVIOUS_KEYS__COMMENT needs JWE_SHARED_KEY__COMMENT/],
    [{ JWE_SHARED_KEY__COMMENT: 'short' }, /JWE_SHARED_KEY__COMMENT.*5 characters/],
    [{ JWE_PREVIOUS_KEYS: `${OLD},short` }, /JWE_PREVIOUS_KEYS.*key 2.*5 characters/],
    [{ JWE_SHARED_KEY: '' }, /JWE_SHARED_KEY is missing/],
  ] as const) {
    it(`stop the start if one is wrong or not used: ${Object.keys(wrong)[0]}`, () => {
      const load = () => loadConfig({ ...settings, ...wrong }, ['complaint', 'comment'])

      expect(load).to.throw(problem).with.property('code', 'ERR_CONFIG_INVALID')
      expect(load).to.not.throw(new RegExp(`${OLD}|${OWN}|${NEW}`))
    })
  }
})
