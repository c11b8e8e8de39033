/** Whoever does not hold the key of a form, or holds one that was taken back, and whoever repeats what was sent before. */
import { createAdapter } from '@formbuilder/adapter-sdk'
import { encryptCompact, generateKey, type Key, parseKeyring } from '@formbuilder/adapter-sdk/protocol'
import { startTestAdapter, type TestAdapter } from '@formbuilder/adapter-sdk/testing'
import { expect } from 'chai'

const [OWN, LEAKED, OTHER] = [generateKey(16), generateKey(16), generateKey(32)]
const keyOf = (text: string) => parseKeyring(text).keys[0] as Key

describe('strangers at an adapter', () => {
  let adapter: TestAdapter
  before(async () => {
    const handle = async () => undefined
    const forms = {
      complaint: { path: '/v2/complaint', handle },
      comment: { path: '/v2/comment', handle },
      enquiry: { path: '/v2/enquiry', services: ['enquiries'], handle },
    }
    adapter = await startTestAdapter(createAdapter({ forms }), {
      environment: { JWE_SHARED_KEY: OWN, JWE_PREVIOUS_KEYS: LEAKED, JWE_SHARED_KEY__COMMENT: OTHER },
    })
  })
  after(() => adapter.stop())

  const submission = (serviceSlug = 'test-form') =>
    JSON.stringify({ serviceSlug, submissionId: crypto.randomUUID(), submissionAnswers: {}, attachments: [] })
  const post = async (path: string, body: string) =>
    await adapter.request('POST', path, { headers: { 'Content-Type': 'application/jose' }, body })
  const held = () => adapter.events.filter(({ event }) => event === 'submission.accepted').length

  it('a submission under a key that the form does not have is refused, and nothing of it is kept', async () => {
    const before = held()

    const { status, text } = await post('/v2/complaint', await encryptCompact(submission(), keyOf(generateKey(16))))

    expect([status, text]).to.deep.equal([401, '{"type":"about:blank","title":"Unauthorized","status":401}'])
    expect(held()).to.equal(before)
  })

  it('a genuine submission that was changed on its way, in any of its bytes, is refused', async () => {
    const before = held()
    const jwe = await encryptCompact(submission(), keyOf(OWN))
    const parts = jwe.split('.').map((part) => Buffer.from(part, 'base64url'))

    const statuses = new Set<number>()
    for (const [index, part] of parts.entries()) {
      for (let at = 0; at < part.byteLength; at += 1 + Math.floor(part.byteLength / 12)) {
        const changed = Buffer.from(part)
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
        const token = parts.with(index, changed).map((each) => each.toString('base64url'))
        statuses.add((await post('/v2/complaint', token.join('.'))).status)
      }
    }

    expect([...statuses]).to.deep.equal([401])
    expect(held()).to.equal(before)
  })

  it('a submission without encryption is refused', async () => {
    const unsecured = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(submission()).toString('base64url')}.`

    expect((await post('/v2/complaint', submission())).status).to.equal(401)
    expect((await post('/v2/complaint', unsecured)).status).to.equal(401)
  })

  it('a submission for one form is not taken in at another that has a key of its own', async () => {
    expect((await post('/v2/comment', await encryptCompact(submission(), keyOf(OWN)))).status).to.equal(401)
    expect((await post('/v2/complaint', await encryptCompact(submission(), keyOf(OTHER)))).status).to.equal(401)
    expect((await post('/v2/comment', await encryptCompact(submission(), keyOf(OTHER)))).status).to.equal(201)
  })

  it('a submission for one form is not taken in at another that names its services', async () => {
    const answer = await post('/v2/enquiry', await encryptCompact(submission('complaints'), keyOf(OWN)))

    expect([answer.status, answer.body?.['code']]).to.deep.equal([422, 'ERR_SUBMISSION_INVALID'])
  })

  it('a key that is on its way out is seen while it is used, and refused when it is taken out', async () => {
    const token = await encryptCompact(submission(), keyOf(LEAKED))
    const forms = { complaint: { path: '/v2/complaint', handle: async () => undefined } }

    const meanwhile = await post('/v2/complaint', token)
    const { keyPosition } = adapter.events.findLast((event) => event.event === 'submission.accepted') ?? {}
    await using rotated = await startTestAdapter(createAdapter({ forms }), { environment: { JWE_SHARED_KEY: OWN } })
    const afterwards = await rotated.request('POST', '/v2/complaint', { body: token })

    expect([meanwhile.status, keyPosition, afterwards.status]).to.deep.equal([201, 1, 401])
  })

  it('a recorded request that is sent again and again makes one case', async () => {
    const { jwe, submissionId } = await adapter.compose()

    const answers = await Promise.all(Array.from({ length: 20 }, () => post('/v2/complaint', jwe)))
    await adapter.ended(submissionId)
    const late = await post('/v2/complaint', jwe)

    expect(answers.map(({ status }) => status).toSorted()).to.deep.equal([...Array(19).fill(200), 201])
    expect(late.status).to.equal(200)
    expect(adapter.handled.filter(({ submission }) => submission.submissionId === submissionId)).to.have.length(1)
  })

  it('a recorded request is the same submission however it is dressed up', async () => {
    const { jwe, submissionId } = await adapter.compose()
    await post('/v2/complaint', jwe)

    const dressed = await adapter.request('POST', '/v2/complaint/?again=1', {
      headers: { 'Content-Type': 'text/plain; charset=utf-16', 'X-Request-Id': 'another' },
      body: jwe,
    })

    expect([dressed.status, dressed.body]).to.deep.equal([200, { submissionId, status: 'duplicate' }])
  })

  it('what is not for everybody is shown to nobody without credentials', async () => {
    for (const path of [
      '/metrics',
      '/metrics/',
      '/',
      '/submissions',
      '/dead-letters',
      '/admin',
      '/debug',
      '/.env',
      '/v1/attachments',
    ])
      expect((await adapter.request('GET', path)).status, path).to.equal(404)
  })
})
