import { expect } from 'chai'
import type { ProviderEvent } from '../../src/server/events.ts'
import { until } from '../cases/case.ts'
import { exchange, KeptConnection, open } from '../client.ts'
import { type ClientName, Pki } from '../pki.ts'
import { startPractice } from '../practice.ts'
import { ask, goodRequest, PATIENT, targetOf } from '../requests.ts'

/** The code in the audit trail for each refused client certificate. */
const REASONS: Readonly<Record<string, string>> = {
  none: 'CERT_MISSING',
  'ssp-expired': 'CERT_HAS_EXPIRED',
  'ssp-not-yet-valid': 'CERT_NOT_YET_VALID',
  'ssp-wrong-fqdn': 'FQDN_MISMATCH',
  'ssp-untrusted-ca': 'UNABLE_TO_GET_CRL',
  'ssp-revoked': 'CERT_REVOKED',
  'ssp-revoked-sub-ca': 'CERT_REVOKED',
  'cn-ssp-san-other': 'FQDN_MISMATCH',
  'san-wildcard': 'FQDN_MISMATCH',
  'eku-serverauth-only': 'INVALID_PURPOSE',
}

describe('TLS', () => {
  let pki: Pki

  before(async () => {
    pki = await Pki.create()
  })

  after(() => pki[Symbol.asyncDispose]())

  for (const mode of ['strict', 'respond'] as const) {
    describe(`refused certificates, ${mode} mode`, () => {
      for (const [name, reason] of Object.entries(REASONS)) {
        it(`${name} is recorded once, with ${reason}`, async () => {
          await using practice = await startPractice(pki, { mode })
          const traceId = '09a01679-2564-0fb4-5129-aecc81ea2706'

          const reply = await ask(practice.port, pki, { ...PATIENT, traceId }, name as ClientName | 'none')

          await until(() => practice.records().length > 0)
          const status = mode === 'strict' ? undefined : name === 'none' ? 496 : 495
          expect(reply.status).to.equal(status)
          expect(practice.records()).to.have.length(1)
          expect(practice.records()[0]).to.include({
            outcome: 'refused',
            errorCode: reason,
            status: status ?? null,
            traceId: status === undefined ? null : traceId,
          })
        })
      }
    })
  }

  it('records a refused certificate that sends no request', async () => {
    await using practice = await startPractice(pki, { mode: 'respond' })
    const socket = open(targetOf(practice.port, pki, 'ssp-revoked'), () => {})

    await until(() => practice.records().length > 0)

    socket.destroy()
    expect(practice.records()).to.have.length(1)
    expect(practice.records()[0]).to.include({ errorCode: 'CERT_REVOKED', status: null })
  })

  it('records a refused certificate once, even some time after its request', async () => {
    await using practice = await startPractice(pki, { mode: 'respond' })
    await ask(practice.port, pki, PATIENT, 'ssp-revoked')
    const later = open(targetOf(practice.port, pki, 'ssp-expired'), () => {})

    // A second record of the first connection would come before the record of the second one.
    await until(() => practice.records().some(({ errorCode }) => errorCode === 'CERT_HAS_EXPIRED'))

    later.destroy()
    expect(practice.records().map(({ status }) => status)).to.deep.equal([495, null])
  })

  it('records a refused certificate once, even if the process pauses before its request', async () => {
    const standStill = ({ type }: ProviderEvent): void => {
      if (type === 'client.refused') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500)
    }
    await using practice = await startPractice(pki, { mode: 'respond', provider: { onEvent: standStill } })

    const reply = await ask(practice.port, pki, PATIENT, 'ssp-revoked')

    await until(() => practice.records().length > 0)
    expect(reply.status).to.equal(495)
    expect(practice.records().map(({ status }) => status)).to.deep.equal([495])
  })

  it('records a refused certificate that has sent no request when the provider stops', async () => {
    await using practice = await startPractice(pki, { mode: 'respond' })
    const socket = open(targetOf(practice.port, pki, 'ssp-revoked'), () => {})
    await until(() => practice.events.some(({ type }) => type === 'client.refused'))

    await practice.provider.stop({ graceSeconds: 0.1 })

    socket.destroy()
    expect(practice.records()).to.have.length(1)
  })

  it('answers a client that closes its sending side, and keeps others for longer than a proxy in front does', async () => {
    await using practice = await startPractice(pki)
    const target = targetOf(practice.port, pki, 'ssp-valid')
    let bytes = ''
    const socket = open(target, () => socket.end(goodRequest({ connection: 'keep-alive' })))
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.toString('latin1')
    })
    await until(() => socket.destroyed)

    expect(bytes).to.match(/^HTTP\/1\.1 200 /)
    using kept = new KeptConnection(target)
    expect((await kept.send(goodRequest({ connection: 'keep-alive' }))).headers['keep-alive']).to.equal('timeout=75')
  })

  it('refuses a certificate on a resumed session too', async () => {
    await using practice = await startPractice(pki, { mode: 'respond' })
    const target = targetOf(practice.port, pki, 'ssp-revoked')
    const first = await exchange(target, goodRequest(PATIENT))

    const second = await exchange(
      { ...target, tls: { ...target.tls, ...(first.session && { session: first.session }) } },
      goodRequest(PATIENT),
    )

    expect([first.status, second.status]).to.deep.equal([495, 495])
  })

  for (const how of ['rename', 'in place'] as const) {
    it(`closes an open connection when its certificate is revoked, CRL replaced by ${how}`, async () => {
      await using practice = await startPractice(pki)
      using kept = new KeptConnection(targetOf(practice.port, pki, 'ssp-soon-revoked'))
      const socket = open(targetOf(practice.port, pki, 'ssp-soon-revoked'), () => {})
      socket.on('error', () => {})
      const before = await kept.send(goodRequest({ connection: 'keep-alive' }))

      await pki.revoke(['ssp-revoked', 'ssp-soon-revoked'], how)
      await until(() => socket.destroyed)

      const after = await ask(practice.port, pki, {}, 'ssp-soon-revoked')
      const honest = await ask(practice.port, pki)
      await pki.revoke(['ssp-revoked'])
      expect([before.status, after.status, honest.status]).to.deep.equal([200, undefined, 200])
      await until(() => practice.records().filter(({ errorCode }) => errorCode === 'CERT_REVOKED').length >= 3)
    })
  }

  it('refuses every client once a CRL is stale, and accepts a new CRL', async () => {
    await using practice = await startPractice(pki)
    const before = await ask(practice.port, pki)

    await pki.revoke(['ssp-revoked'], 'rename', 2 / 3600)
    await until(async () => (await ask(practice.port, pki)).status === undefined)
    await until(() => practice.events.some(({ type }) => type === 'crl.stale'))
    await pki.revoke(['ssp-revoked'])
    await until(async () => (await ask(practice.port, pki)).status === 200)

    expect(before.status).to.equal(200)
    expect(practice.records().some(({ errorCode }) => errorCode === 'CRL_HAS_EXPIRED')).to.equal(true)
  })

  it('uses groups of at least 2048 bits for DHE', async () => {
    await using practice = await startPractice(pki)
    for (const ciphers of [
      'DHE-RSA-AES256-GCM-SHA384',
      'DHE-RSA-AES128-GCM-SHA256',
      'DHE-RSA-AES256-SHA256',
      'DHE-RSA-AES256-SHA',
    ]) {
      const reply = await exchange(targetOf(practice.port, pki, 'ssp-valid', { ciphers }), goodRequest())

      expect([reply.cipher, reply.status]).to.deep.equal([ciphers, 200])
      expect(reply.ephemeralBits).to.be.at.least(2048)
    }
  })

  it('refuses renegotiation', async () => {
    await using practice = await startPractice(pki)
    const { promise, resolve } = Promise.withResolvers<Error | null>()
    const socket = open(targetOf(practice.port, pki), () => socket.renegotiate({}, resolve))
    socket.on('error', resolve)

    const error = await promise

    socket.destroy()
    expect(error).to.be.instanceOf(Error)
  })

  it('resumes no session', async () => {
    await using practice = await startPractice(pki)
    const target = targetOf(practice.port, pki)
    const first = await exchange(target, goodRequest())
    const { promise, resolve } = Promise.withResolvers<boolean>()

    const socket = open({ ...target, tls: { ...target.tls, ...(first.session && { session: first.session }) } }, () =>
      resolve(socket.isSessionReused()),
    )

    const reused = await promise
    socket.destroy()
    expect(reused).to.equal(false)
  })

  it('speaks TLS 1.3 if maxVersion allows it', async () => {
    await using practice = await startPractice(pki, { server: { maxVersion: 'TLSv1.3' } })
    const tls = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const

    const good = await exchange(targetOf(practice.port, pki, 'ssp-valid', tls), goodRequest())
    const revoked = await exchange(targetOf(practice.port, pki, 'ssp-revoked', tls), goodRequest())

    expect([good.status, revoked.status]).to.deep.equal([200, undefined])
  })

  it('agrees on no other suite of TLS 1.3', async () => {
    await using practice = await startPractice(pki, { server: { maxVersion: 'TLSv1.3' } })
    const tls = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', ciphers: 'TLS_CHACHA20_POLY1305_SHA256' } as const

    const reply = await exchange(targetOf(practice.port, pki, 'ssp-valid', tls), goodRequest())

    expect([reply.handshaken, reply.status]).to.deep.equal([false, undefined])
  })

  for (const ciphers of [
    'ALL:eNULL:@SECLEVEL=0',
    'DEFAULT',
    'AES128-SHA',
    'AES128-SHA256',
    'ECDHE-RSA-CHACHA20-POLY1305',
    'AESGCM+EECDH:AES128-SHA',
    'AESGCM+EECDH:+ALL',
    'AESGCM+EECDH:@SECLEVEL=1',
    'AESGCM+EECDH;ALL',
    'AESGCM',
    'EECDH',
    'TLS_CHACHA20_POLY1305_SHA256',
    '!aDSS',
    '',
  ]) {
    it(`does not start with the ciphers ${JSON.stringify(ciphers)}`, async () => {
      expect(await codeOf(startPractice(pki, { server: { ciphers } }))).to.equal('ERR_CONFIG_INVALID')
    })
  }

  for (const [ciphers, agreed] of [
    ['ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
    ['AES256+EECDH, AES256+EDH,!AESGCM', 'ECDHE-RSA-AES256-SHA384'],
    ['EDH+AESGCM:@SECLEVEL=2', 'DHE-RSA-AES256-GCM-SHA384'],
  ] as const) {
    it(`permits the subset ${ciphers}`, async () => {
      await using practice = await startPractice(pki, { server: { ciphers } })

      const reply = await exchange(targetOf(practice.port, pki), goodRequest())

      expect([reply.cipher, reply.status]).to.deep.equal([agreed, agreed && 200])
    })
  }

  it('does not start without a usable certificate, authority or CRL', async () => {
    for (const server of [{ certFile: pki.path('absent.pem') }, { keyFile: pki.path('ca.pem') }]) {
      expect(await codeOf(startPractice(pki, { server }))).to.equal('ERR_CERTIFICATE_INVALID')
    }
    for (const client of [{ caFiles: [pki.path('absent.pem')] }, { crlFiles: [pki.path('ca.pem')] }]) {
      expect(await codeOf(startPractice(pki, { client }))).to.equal('ERR_TRUST_INVALID')
    }
    for (const client of [{ caFiles: [] }, { fqdns: [] }]) {
      expect(await codeOf(startPractice(pki, { client }))).to.equal('ERR_OPTIONS_INVALID')
    }
  })
})

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
    return undefined
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}
