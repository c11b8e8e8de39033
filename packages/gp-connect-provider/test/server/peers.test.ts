/** Tests that the application answers no client whose certificate its own server has not accepted. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener, request as requestHttp, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createProvider } from '../../src/provider.ts'
import type { ProviderEvent } from '../../src/server/events.ts'
import { until } from '../cases/case.ts'
import { exchange, plain } from '../client.ts'
import { Pki } from '../pki.ts'
import { PUBLIC_URL, ROOTS, readRecords } from '../practice.ts'
import { goodRequest, PATIENT, targetOf } from '../requests.ts'

describe('the application on another server', () => {
  let pki: Pki
  let folder: string
  let auditFile: string
  let runs: number
  const events: ProviderEvent[] = []

  before(async () => {
    pki = await Pki.create()
  })

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'gp-connect-peers-'))
    auditFile = join(folder, 'audit.jsonl')
    runs = 0
  })

  afterEach(() => rmSync(folder, { recursive: true }))

  after(() => pki[Symbol.asyncDispose]())

  const FORWARDED = { 'X-Forwarded-Client-Cert': 'Subject="CN=ssp.example.test"', 'X-Forwarded-Proto': 'https' }

  it('answers nobody over plain HTTP', async () => {
    await using server = await listen(createHttpServer(listener()))

    const bytes = await plain(server.port, goodRequest({ ...PATIENT, headers: FORWARDED }).toString())

    await expectRefusal(bytes)
  })

  it('answers nobody over HTTPS without a client certificate', async () => {
    const tls = { cert: readFileSync(pki.path('server.pem')), key: readFileSync(pki.path('server.key')) }
    await using server = await listen(createHttpsServer(tls, listener()))

    const reply = await exchange(targetOf(server.port, pki, 'none'), goodRequest({ ...PATIENT, headers: FORWARDED }))

    await expectRefusal(reply.bytes)
  })

  it('answers nobody over HTTPS whose name it has not checked', async () => {
    const tls = {
      cert: readFileSync(pki.path('server.pem')),
      key: readFileSync(pki.path('server.key')),
      ca: pki.caFiles.map((file) => readFileSync(file)),
      requestCert: true,
    }
    await using server = await listen(createHttpsServer(tls, listener()))

    const reply = await exchange(targetOf(server.port, pki, 'ssp-wrong-fqdn'), goodRequest(PATIENT))

    await expectRefusal(reply.bytes)
  })

  it('takes the connection from a client that keeps it open', async () => {
    await using server = await listen(createHttpServer(listener()))

    const code = await new Promise((resolve) => {
      const request = requestHttp({ port: server.port, path: `${ROOTS['v1.2'].path}/metadata` }, () =>
        resolve('answered'),
      )
      request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
      request.end()
    })

    expect(code).to.equal('ECONNRESET')
  })

  function listener(): RequestListener {
    const provider = createProvider({
      serviceRoots: { [ROOTS['v1.2'].path]: { asid: ROOTS['v1.2'].asid, preset: 'v1.2' } },
      publicUrl: PUBLIC_URL,
      audit: { file: auditFile },
      onEvent: (event) => events.push(event),
      handlers: {
        'urn:nhs:names:services:gpconnect:fhir:rest:read:patient-1': () => {
          runs += 1
          return { resourceType: 'Patient', id: '1' }
        },
      },
    })
    return provider.app.callback()
  }

  async function expectRefusal(bytes: Buffer): Promise<void> {
    expect([bytes.byteLength, runs]).to.deep.equal([0, 0])
    await until(() => existsSync(auditFile) && readRecords(auditFile).length > 0)
    expect(readRecords(auditFile)).to.have.length(1)
    expect(readRecords(auditFile)[0]).to.include({
      outcome: 'refused',
      status: null,
      errorCode: 'PEER_NOT_AUTHENTICATED',
      dataId: `${ROOTS['v1.2'].path}/Patient/1`,
    })
    expect(events.some((event) => event.type === 'transaction.refused' && event.check === 'peer')).to.equal(true)
  }
})

async function listen(server: Server): Promise<{ readonly port: number } & AsyncDisposable> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
