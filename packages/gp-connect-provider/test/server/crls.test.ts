/** Tests which CRLs a provider uses, and what happens when they are stale. */
import { readFileSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename } from 'node:path'
import { expect } from 'chai'
import type { ClientSettings } from '../../src/server/server.ts'
import { until } from '../cases/case.ts'
import { Pki } from '../pki.ts'
import { startPractice } from '../practice.ts'
import { ask } from '../requests.ts'

describe('CRLs of a provider', () => {
  let pki: Pki
  let publisher: Server

  beforeEach(async () => {
    pki = await Pki.create()
    publisher = createServer(
      (request, response) => void response.end(readFileSync(pki.path(basename(request.url ?? '')))),
    )
    await new Promise<void>((resolve) => publisher.listen(0, '127.0.0.1', resolve))
  })

  afterEach(async () => {
    publisher.closeAllConnections()
    publisher.close()
    await pki[Symbol.asyncDispose]()
  })

  it('are fetched, kept and measured', async () => {
    await using practice = await startPractice(pki, { client: fetched() })

    const [good, revoked] = [await ask(practice.port, pki), await ask(practice.port, pki, {}, 'ssp-revoked')]

    expect([good.status, revoked.status]).to.deep.equal([200, undefined])
    expect(statSync(pki.path('fetched.pem')).mode & 0o777).to.equal(0o600)
    expect(practice.provider.crls()).to.have.length(3)
    expect(practice.provider.crls().every(({ ageSeconds, daysLeft }) => ageSeconds >= 0 && daysLeft === 0)).to.equal(
      true,
    )
    expect(practice.provider.certificate()?.daysLeft).to.be.greaterThan(1)
    expect(practice.provider.load()).to.include({ requests: 0 })
  })

  it('are still there after a restart without their distribution points, which is logged', async () => {
    await (await startPractice(pki, { client: fetched() }))[Symbol.asyncDispose]()
    const client = fetched()
    publisher.close()

    await using practice = await startPractice(pki, { client })

    expect((await ask(practice.port, pki)).status).to.equal(200)
    expect(practice.log()).to.match(/"level":40.*"crl\.refused".*"unreachable"/)
  })

  for (const [what, staleCrl, status] of [
    ['refuse every client unless something else is written', undefined, undefined],
    ['accept clients for the hours that are written', { acceptHours: 2 }, 200],
  ] as const)
    it(`that are stale ${what}`, async () => {
      await pki.revoke(['ssp-revoked'], 'rename', -1)
      await using practice = await startPractice(pki, { client: { ...(staleCrl && { staleCrl }) } })

      expect((await ask(practice.port, pki)).status).to.equal(status)
      expect((await ask(practice.port, pki, {}, 'ssp-revoked')).status).to.equal(undefined)
      await until(() => practice.events.some(({ type }) => type === 'crl.stale'))
    })

  it('are required', async () => {
    for (const client of [{ crlFiles: [] }, { crlFiles: undefined as unknown as string[] }]) {
      const error = await startPractice(pki, { client }).catch((thrown: unknown) => thrown)

      expect(error).to.have.property('message', 'client has neither crlFiles nor crlFetch')
    }
  })

  function fetched(): Partial<ClientSettings> {
    const { port } = publisher.address() as AddressInfo
    const urls = pki.crlFiles.map((file) => `http://127.0.0.1:${port}/${basename(file)}`)
    return { crlFiles: [], crlFetch: { urls, file: pki.path('fetched.pem'), privateAddresses: ['127.0.0.1'] } }
  }
})
