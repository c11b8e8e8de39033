import { expect } from 'chai'
import { createAdapter } from '../src/adapter.ts'
import { loadConfig } from '../src/config.ts'
import { PermanentError } from '../src/errors.ts'
import { encryptCompact } from '../src/protocol/jwe.ts'
import { generateKey, type Key, parseKeyring } from '../src/protocol/keyring.ts'
import { startTestAdapter, type TestAdapter } from '../src/testing/index.ts'
import { sharedPostgres } from './shared-postgres.ts'

const [OLD, NEW, OWN] = [generateKey(16), generateKey(16), generateKey(32)]

describe('keys', () => {
  let environment: { [name: string]: string }
  let fails: boolean
  let running: TestAdapter | undefined
  beforeEach(async () => {
    // On PostgreSQL, so that an adapter with other keys can start on the same submissions.
    environment = { DATABASE_URL: await (await sharedPostgres()).database() }
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
