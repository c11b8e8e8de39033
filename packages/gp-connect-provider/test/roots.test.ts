/** Tests service roots of several releases in one process, and interactions of one's own. */
import { expect } from 'chai'
import type { Interaction, Release } from '../src/roots/interactions.ts'
import { serviceRoots } from '../src/roots/service-root.ts'
import type { Handler } from '../src/server/handlers.ts'
import { Pki } from './pki.ts'
import { ROOTS, startPractice } from './practice.ts'
import { ask, type Difference } from './requests.ts'

const BASE = 'urn:nhs:names:services:gpconnect:fhir:'

describe('service roots', () => {
  let pki: Pki

  before(async () => {
    pki = await Pki.create()
  })

  after(() => pki[Symbol.asyncDispose]())

  // biome-ignore format: a table
  const DIFFERENCES: readonly (readonly [release: Release, interaction: string, path: string, status: number])[] = [
    ['1.2.8', `${BASE}rest:read:healthcareservice-1`,                       'HealthcareService/1', 501],
    ['1.3',   `${BASE}rest:read:healthcareservice-1`,                       'HealthcareService/1', 400],
    ['1.4.1', `${BASE}rest:read:healthcareservice-1`,                       'HealthcareService/1', 400],
    ['1.5',   'urn:nhs:names:services:gpconnect:documents:fhir:rest:read:binary-1', 'Binary/1',      501],
    ['1.4',   'urn:nhs:names:services:gpconnect:documents:fhir:rest:read:binary-1', 'Binary/1',      400],
    ['1.6.1', 'urn:nhs:names:services:gpconnect:documents:fhir:rest:migrate:binary-1', 'Binary/1',   501],
    ['1.6.2', 'urn:nhs:names:services:gpconnect:documents:fhir:rest:migrate:binary-1', 'Binary/1',   501],
    ['1.7.0', 'urn:nhs:names:services:gpconnect:documents:fhir:rest:migrate:binary-1', 'Binary/1',   501],
    ['1.5.1', 'urn:nhs:names:services:gpconnect:documents:fhir:rest:migrate:binary-1', 'Binary/1',   400],
  ]

  for (const [preset, interaction, path, status] of DIFFERENCES) {
    it(`release ${preset}: ${interaction} is answered with ${status}`, async () => {
      await using practice = await startPractice(pki, { root: { preset } })

      const scope = path.startsWith('Binary') ? 'patient/*.read' : 'organization/*.read'
      const reply = await ask(practice.port, pki, { path: `/${path}`, interaction, scope })

      expect(reply.status).to.equal(status)
    })
  }

  it('are looked up in a path of 16 KB as rarely as there are roots', () => {
    const paths = ['/A/STU3/1', '/B20000/STU3/1', '/A/STU3/1/deeper']
    const { find } = serviceRoots(
      Object.fromEntries(paths.map((path) => [path, { asid: '000000000001', preset: '1.2.8' }])),
      'https://a.nhs.uk',
      [],
      {},
    )

    for (const text of ['/'.repeat(16_384), '/a'.repeat(8192), `/A/STU3/1${'/x'.repeat(8000)}`]) {
      const path = new CountedPath(text)
      const found = find(path as unknown as string)

      expect(path.parts).to.be.at.most(paths.length + 1)
      expect(found?.root.path).to.equal(text.startsWith('/A/') ? '/A/STU3/1' : undefined)
    }
    expect(find('/A/STU3/1/deeper/Patient/1')).to.deep.include({ relative: 'Patient/1' })
    expect(find('/A/STU3/1/deep')).to.deep.include({ relative: 'deep' })
    expect(find('/A/STU3/1/')).to.deep.include({ relative: '' })
    expect(find('/A/STU3/12')).to.equal(undefined)
  })

  it('serves several major versions and presets side by side', async () => {
    const releases = ['0.5', '0.7.3', '1.2', '1.5', '1.6.2', 'documents'] as const
    const serviceRoots = Object.fromEntries(
      releases.map((preset, at) => [`/A${at}/x`, { asid: `00000000000${at}`, preset }]),
    )
    const metadata: Handler = () => ({ resourceType: 'CapabilityStatement' })
    await using practice = await startPractice(pki, {
      provider: {
        handlers: {
          [`${BASE}rest:read:metadata-1`]: metadata,
          'urn:nhs:names:services:gpconnect:documents:fhir:rest:read:metadata-1': metadata,
        },
        serviceRoots: {
          ...serviceRoots,
          [ROOTS['v1.2'].path]: { asid: ROOTS['v1.2'].asid, preset: '1.2.8' },
        },
      },
    })

    const statuses: (number | undefined)[] = []
    for (const [at, preset] of releases.entries()) {
      if (preset.startsWith('0')) continue
      const documents = preset === 'documents' ? 'documents:' : ''
      const reply = await ask(practice.port, pki, {
        root: { path: `/A${at}/x`, asid: `00000000000${at}` },
        interaction: `urn:nhs:names:services:gpconnect:${documents}fhir:rest:read:metadata-1`,
      })
      statuses.push(reply.status)
    }

    expect(statuses).to.deep.equal([200, 200, 200, 200])
    expect((await ask(practice.port, pki)).status).to.equal(200)
  })

  describe('interactions of one’s own', () => {
    const OWN: readonly Interaction[] = [
      { id: 'urn:test:delete', method: 'DELETE', path: 'Appointment/{id}', scope: 'patient/*.write' },
      { id: 'urn:test:patch', method: 'PATCH', path: 'Appointment/{id}', scope: 'patient/*.write' },
      { id: 'urn:test:batch', method: 'POST', path: '', scope: 'patient/*.write' },
    ]
    const answer: Handler = ({ body, id }) => ({ resourceType: 'Parameters', id: id ?? null, body: body ?? null })
    const scope = 'patient/*.write'
    const patch = '[{"op":"replace","path":"/status","value":"cancelled"}]'
    const json = { 'Content-Type': 'application/json-patch+json' }
    const fhir = '{"resourceType":"Bundle"}'

    // biome-ignore format: a table
    const REQUESTS: readonly (readonly [what: string, difference: Difference, status: number, holds: string])[] = [
      ['DELETE without a body',       { method: 'DELETE', path: '/Appointment/1', interaction: 'urn:test:delete', scope },                        200, '"id":"1","body":null'],
      ['DELETE without an id',        { method: 'DELETE', path: '/Appointment/', interaction: 'urn:test:delete', scope },                         404, 'NO_RECORD_FOUND'],
      ['DELETE with a read scope',    { method: 'DELETE', path: '/Appointment/1', interaction: 'urn:test:delete', scope: 'patient/*.read' },      400, 'requested_scope'],
      ['DELETE by another id',        { method: 'DELETE', path: '/Appointment/1', interaction: 'urn:test:patch', scope },                         400, 'method'],
      ['PATCH with a JSON Patch',     { method: 'PATCH', path: '/Appointment/1', interaction: 'urn:test:patch', scope, headers: json, body: patch, withoutType: true }, 200, '"op":"replace"'],
      ['PATCH with a resource',       { method: 'PATCH', path: '/Appointment/1', interaction: 'urn:test:patch', scope, body: fhir },              200, '"Bundle"'],
      ['PATCH with a text',           { method: 'PATCH', path: '/Appointment/1', interaction: 'urn:test:patch', scope, body: '"x"' },             400, 'body'],
      ['POST to the root',            { method: 'POST', path: '', interaction: 'urn:test:batch', scope, body: fhir },                             200, '"id":null'],
      ['POST below the root',         { method: 'POST', path: '/x', interaction: 'urn:test:batch', scope, body: fhir },                           400, 'path'],
      ['POST of a list to the root',  { method: 'POST', path: '', interaction: 'urn:test:batch', scope, body: '[]' },                             400, 'body'],
    ]

    for (const [what, difference, status, holds] of REQUESTS) {
      it(`${what}: ${status}`, async () => {
        await using practice = await startPractice(pki, {
          root: { add: OWN },
          provider: { handlers: Object.fromEntries(OWN.map(({ id }) => [id, answer])) },
        })

        const reply = await ask(practice.port, pki, difference)

        expect([reply.status, reply.body]).to.satisfy(
          ([got, body]: [number, string]) => got === status && body.includes(holds),
        )
        expect(practice.records()).to.have.length(1)
      })
    }
  })
})

/** A path that counts how often a part of it is copied. */
class CountedPath extends String {
  parts = 0

  override slice(start?: number, end?: number): string {
    this.parts += 1
    return super.slice(start, end)
  }
}
