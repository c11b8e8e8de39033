import { expect } from 'chai'
import { until } from '../cases/case.ts'
import { type OcspAnswer, OcspResponder } from '../ocsp-responder.ts'
import { authority, issue, Pki, pem } from '../pki.ts'
import { startPractice } from '../practice.ts'
import { ask } from '../requests.ts'

describe('OCSP', () => {
  let pki: Pki

  before(async () => {
    pki = await Pki.create()
  })

  after(() => pki[Symbol.asyncDispose]())

  it('accepts a certificate that its responder reports as good, and asks only once while the answer is cached', async () => {
    await using responder = await OcspResponder.start({ status: 'good', signer: pki.sub, nextUpdate: 600 })
    await using practice = await startPractice(pki, { client: { ocsp: { url: responder.url } } })

    const replies = [await ask(practice.port, pki), await ask(practice.port, pki)]

    expect(replies.map(({ status }) => status)).to.deep.equal([200, 200])
    expect(responder.asked).to.equal(1)
  })

  it('asks for every connection without a cache', async () => {
    await using responder = await OcspResponder.start({ status: 'good', signer: pki.sub, nextUpdate: 600 })
    await using practice = await startPractice(pki, { client: { ocsp: { url: responder.url, cacheSeconds: 0 } } })
    const before = await ask(practice.port, pki)

    responder.answer = { status: 'revoked', signer: pki.sub, nextUpdate: 600 }
    const after = await ask(practice.port, pki)

    expect([before.status, after.status]).to.deep.equal([200, undefined])
  })

  it('does not ask about a certificate that is refused anyway', async () => {
    await using responder = await OcspResponder.start({ status: 'good', signer: pki.sub })
    await using practice = await startPractice(pki, { client: { ocsp: { url: responder.url } } })

    await ask(practice.port, pki, {}, 'ssp-wrong-fqdn')

    expect(responder.asked).to.equal(0)
  })

  it('accepts an answer signed by the configured responder', async () => {
    const signer = await issue(pki.root, { commonName: 'responder' })
    await pki.write('responder.pem', pem(signer))
    await using responder = await OcspResponder.start({ status: 'good', signer, nextUpdate: 600 })
    const ocsp = { url: responder.url, responderFile: pki.path('responder.pem') }
    await using practice = await startPractice(pki, { client: { ocsp } })

    expect((await ask(practice.port, pki)).status).to.equal(200)
  })

  // biome-ignore format: a table
  const REFUSALS: readonly (readonly [why: string, code: string, answer: () => Promise<OcspAnswer> | OcspAnswer])[] = [
    ['revoked',                              'OCSP_REVOKED',     () => ({ status: 'revoked', signer: pki.sub, nextUpdate: 600 })],
    ['unknown',                              'OCSP_UNKNOWN',     () => ({ status: 'unknown', signer: pki.sub, nextUpdate: 600 })],
    ['good until a second ago',              'OCSP_NOT_CURRENT', () => ({ status: 'good', signer: pki.sub, nextUpdate: -1 })],
    ['good from tomorrow',                   'OCSP_NOT_CURRENT', () => ({ status: 'good', signer: pki.sub, thisUpdate: 86_400 })],
    ['good an hour ago, without nextUpdate', 'OCSP_NOT_CURRENT', () => ({ status: 'good', signer: pki.sub, thisUpdate: -3600 })],
    ['good for another certificate',         'OCSP_UNAVAILABLE', () => ({ status: 'good', signer: pki.sub, nextUpdate: 600, otherSerial: true })],
    ['good, signed by another authority',    'OCSP_UNAVAILABLE', async () => ({ status: 'good', signer: await authority('Spine SubCA'), nextUpdate: 600 })],
    ['good, signed by another client',       'OCSP_UNAVAILABLE', async () => ({ status: 'good', signer: await issue(pki.sub, { commonName: 'client' }), nextUpdate: 600 })],
    ['not answered in time',                 'OCSP_UNAVAILABLE', () => ({ status: 'good', signer: pki.sub, silent: true })],
  ]

  for (const [why, code, answer] of REFUSALS) {
    it(`refuses a certificate that is ${why}`, async () => {
      const given = await answer()
      await using responder = await OcspResponder.start(given)
      const timeoutSeconds = given.silent ? 0.5 : 5
      await using practice = await startPractice(pki, { client: { ocsp: { url: responder.url, timeoutSeconds } } })

      const reply = await ask(practice.port, pki)

      expect(reply.status).to.equal(undefined)
      await until(() => practice.records().length > 0)
      expect(practice.records().map(({ errorCode }) => errorCode)).to.deep.equal([code])
    })
  }

  it('refuses when no responder answers', async () => {
    const responder = await OcspResponder.start({ status: 'good', signer: pki.sub })
    await responder[Symbol.asyncDispose]()
    await using practice = await startPractice(pki, { mode: 'respond', client: { ocsp: { url: responder.url } } })

    expect((await ask(practice.port, pki)).status).to.equal(495)
  })

  it('refuses a certificate that names no responder if none is configured', async () => {
    await using practice = await startPractice(pki, { mode: 'respond', client: { ocsp: {} } })

    expect((await ask(practice.port, pki)).status).to.equal(495)
    expect(practice.records()[0]?.errorCode).to.equal('OCSP_UNAVAILABLE')
  })
})
