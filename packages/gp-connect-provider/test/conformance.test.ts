/**
 * Runs every conformance case over real TLS connections: once, in strict mode, and what depends on the mode in respond mode too.
 */
import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { type Case, dependsOnMode, fixtureCases, runCase, type Subject } from './cases/case.ts'
import { moreCases } from './cases/own.ts'
import { exchange, KeptConnection, open, requestBytes } from './client.ts'
import { Pki } from './pki.ts'
import { type Practice, PUBLIC_URL, ROOTS, startPractice } from './practice.ts'
import { makeToken } from './token.ts'

let pki: Pki

before(async () => {
  pki = await Pki.create()
})

after(() => pki[Symbol.asyncDispose]())

for (const mode of ['strict', 'respond'] as const) {
  describe(`conformance, ${mode} mode`, () => {
    let practice: Practice
    let subject: Subject

    before(async () => {
      practice = await startPractice(pki, { mode })
      const credentials = pki.credentials('ssp-valid')
      const kept = new KeptConnection({ port: practice.port, ca: pki.caPem, credentials })
      subject = { ...subjectOf(practice, pki, mode), kept }
    })

    after(async () => {
      subject.kept?.[Symbol.dispose]()
      await practice[Symbol.asyncDispose]()
    })

    const cases = [...fixtureCases(), ...moreCases()].filter((one) => mode === 'strict' || dependsOnMode(one))
    for (const one of cases) {
      for (const profile of one.profiles) {
        it(`${one.id} ${profile}`, async () => {
          expect(await run(one, profile)).to.deep.equal([])
        })
      }
    }

    async function run(one: Case, profile: string): Promise<readonly string[]> {
      const { tls, rawBytes } = one.request
      if (tls.serverState === 'overloaded') {
        await using busy = await startPractice(pki, { mode, server: { limits: { concurrentRequests: 1 } } })
        using _occupied = await occupy(busy.port)
        return await runCase(one, profile, subjectOf(busy, pki, mode))
      }
      if (tls.noHandshake === true || rawBytes?.endsWith('X: ') === true) {
        await using hasty = await startPractice(pki, {
          mode,
          server: { limits: { handshakeSeconds: 1, headersSeconds: 1 } },
        })
        return await runCase(one, profile, subjectOf(hasty, pki, mode))
      }
      return await runCase(one, profile, subject)
    }

    it('writes one record for each request and refused connection, in an unbroken chain', async () => {
      const before = practice.records().length
      await exchange(
        { port: practice.port, ca: pki.caPem, credentials: pki.credentials('ssp-valid') },
        requestBytes('GET', '/', []),
      )

      expect(practice.records()).to.have.length(before + 1)
      expect(practice.records().map(({ sequence }) => sequence)).to.deep.equal(
        [...practice.records().keys()].map((at) => at + 1),
      )
    })

    it('keeps NHS numbers, tokens and queries out of the log', () => {
      expect(practice.log()).to.not.match(
        /9000000009|9000000017|eyJ|identifier=|Patient\/1|AssurancePractitioner|GCASDS0001/,
      )
    })
  })
}

function subjectOf(practice: Practice, keys: Pki, mode: 'strict' | 'respond'): Subject {
  return {
    port: practice.port,
    pki: keys,
    mode,
    root: (profile) => ROOTS[PRESETS[profile] ?? 'v1.2'],
    otherAsid: ROOTS['v1.6'].asid,
    publicUrl: PUBLIC_URL,
    log: practice.log,
    records: practice.records,
  }
}

const PRESETS: Readonly<Record<string, keyof typeof ROOTS>> = { '0.x': 'v0.5', '1.6+': 'v1.6', documents: 'documents' }

/** Occupies the only place of a server with concurrentRequests 1: a valid request whose body never ends. */
async function occupy(port: number): Promise<Disposable> {
  const { path, asid } = ROOTS['v1.2']
  const { token } = makeToken(`${PUBLIC_URL}${path}`, { set: { '/requested_scope': 'patient/*.read' } })
  const head = requestBytes('POST', `${path}/Patient/$gpc.getstructuredrecord`, [
    ['Expect', '100-continue'],
    ['Ssp-TraceID', randomUUID()],
    ['Ssp-From', '200000000359'],
    ['Ssp-To', asid],
    ['Ssp-InteractionID', 'urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1'],
    ['Authorization', `Bearer ${token}`],
    ['Content-Type', 'application/fhir+json'],
    ['Content-Length', '10'],
  ])
  const { promise: started, resolve } = Promise.withResolvers<void>()
  const socket = open({ port, ca: pki.caPem, credentials: pki.credentials('ssp-valid') }, () => socket.write(head))
  socket.once('data', () => resolve())
  socket.on('error', () => {})
  await started
  return { [Symbol.dispose]: () => socket.destroy() }
}
