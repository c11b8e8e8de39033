import { expect } from 'chai'
import type { AuditSink } from '../../src/audit/trail.ts'
import { type FailureCode, ProviderError } from '../../src/failures.ts'
import { until } from '../cases/case.ts'
import { Pki } from '../pki.ts'
import { type PracticeOptions, PUBLIC_URL, ROOTS, startPractice } from '../practice.ts'
import { ask, type Difference, PATIENT } from '../requests.ts'

const BASE = 'urn:nhs:names:services:gpconnect:fhir:'
const READ_PATIENT = `${BASE}rest:read:patient-1`

describe('guard', () => {
  let pki: Pki

  before(async () => {
    pki = await Pki.create()
  })

  after(() => pki[Symbol.asyncDispose]())

  describe('audit', () => {
    it('records a served transaction with every field', async () => {
      await using practice = await startPractice(pki)
      const traceId = '09a01679-2564-0fb4-5129-aecc81ea2706'

      await ask(practice.port, pki, { ...PATIENT, traceId, path: '/Patient/1?_format=json' })

      const [{ timestamp, hash, ...record } = {} as never] = practice.records()
      expect(Date.parse(timestamp)).to.be.closeTo(Date.now(), 60_000)
      expect(hash).to.match(/^[0-9a-f]{64}$/)
      expect(record).to.deep.equal({
        sequence: 1,
        outcome: 'served',
        traceId,
        from: '200000000359',
        to: '918999198993',
        interactionId: READ_PATIENT,
        userId: 'GCASDS0001',
        userLocalId: '98ed4f78-814d-4266-8d5b-cde742f3093c',
        userName: 'Mr AssuranceTest AssurancePractitioner',
        userRole: '112233445566',
        organization: 'GPCA0001',
        organizationName: 'GP Connect Assurance',
        device: 'GPConnectTestSystem Client v1 1.1',
        address: '127.0.0.1',
        forwarded: null,
        dataId: 'Patient/1?_format=json',
        status: 200,
        errorCode: null,
        previousHash: '0'.repeat(64),
      })
    })

    it('records a refused transaction with the same fields, whichever check refuses it', async () => {
      await using practice = await startPractice(pki)

      await ask(practice.port, pki, { ...PATIENT, headers: { Accept: 'text/plain' } })
      await ask(practice.port, pki, { ...PATIENT, traceId: 'not a uuid' })

      const [late, early] = practice.records()
      expect(late).to.include({
        outcome: 'refused',
        status: 415,
        errorCode: 'BAD_REQUEST',
        userId: 'GCASDS0001',
        userName: 'Mr AssuranceTest AssurancePractitioner',
      })
      expect(late?.traceId).to.match(/^[0-9a-f-]{36}$/)
      expect(early).to.include({
        outcome: 'refused',
        traceId: 'not a uuid',
        to: '918999198993',
        organization: 'GPCA0001',
        dataId: 'Patient/1',
      })
    })

    describe('of a POST', () => {
      const POST: Difference = {
        method: 'POST',
        path: '/Patient/$gpc.getstructuredrecord',
        interaction: `${BASE}operation:gpc.getstructuredrecord-1`,
        scope: 'patient/*.read',
      }
      const NHS_NUMBER = 'https://fhir.nhs.uk/Id/nhs-number|9000000009'
      const PARAMETERS = JSON.stringify({
        resourceType: 'Parameters',
        parameter: [
          {
            name: 'patientNHSNumber',
            valueIdentifier: { system: 'https://fhir.nhs.uk/Id/nhs-number', value: '9000000009' },
          },
        ],
      })
      const XML = `<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="patientNHSNumber"/><valueIdentifier>
        <system value="https://fhir.nhs.uk/Id/nhs-number"/><value value="9000000009"/></valueIdentifier></parameter></Parameters>`
      const PATIENT_BODY = JSON.stringify({
        resourceType: 'Parameters',
        parameter: [
          {
            name: 'registerPatient',
            resource: {
              resourceType: 'Patient',
              identifier: [{ system: 'https://fhir.nhs.uk/Id/nhs-number', value: '9000000009' }],
            },
          },
        ],
      })
      const APPOINTMENT = JSON.stringify({
        resourceType: 'Appointment',
        participant: [{ actor: { reference: 'Location/1' } }, { actor: { reference: 'Patient/2' } }],
      })
      const large = JSON.stringify({ resourceType: 'Parameters', x: 'x'.repeat(300_000) })

      // biome-ignore format: a table
      const REFUSED: readonly (readonly [what: string, difference: Difference, status: number, named: string])[] = [
        ['a wrong scope',               { ...POST, scope: 'patient/*.write', body: PARAMETERS },                       400, NHS_NUMBER],
        ['a wrong ASID',                { ...POST, headers: { 'Ssp-To': '918999198994' }, body: PARAMETERS },          400, NHS_NUMBER],
        ['no answer format',            { ...POST, headers: { Accept: 'text/plain' }, body: PARAMETERS },              415, NHS_NUMBER],
        ['XML',                         { ...POST, scope: 'patient/*.write', body: XML },                              400, NHS_NUMBER],
        ['a patient',                   { ...POST, scope: 'organization/*.read', body: PATIENT_BODY },                 400, NHS_NUMBER],
        ['an appointment',              { ...POST, scope: 'organization/*.read', body: APPOINTMENT },                  400, 'Patient/2'],
        ['a body that is not FHIR',     { ...POST, scope: 'patient/*.write', body: '{' },                              400, ''],
        ['a body that is too large',    { ...POST, scope: 'patient/*.write', body: large },                            413, ''],
        ['nothing wrong',               { ...POST, body: PARAMETERS },                                                 200, NHS_NUMBER],
      ]

      for (const [what, difference, status, named] of REFUSED) {
        it(`names whose record was asked for: ${what}`, async () => {
          await using practice = await startPractice(pki)

          const reply = await ask(practice.port, pki, difference)

          await until(() => practice.records().length > 0)
          expect(reply.status).to.equal(status)
          expect(practice.records()[0]).to.include({
            status,
            dataId: `Patient/$gpc.getstructuredrecord${named === '' ? '' : ` ${named}`}`,
          })
          expect(practice.log()).to.not.include('9000000009')
        })
      }
    })

    it('records the code of an outcome that a handler returns itself', async () => {
      const outcome = {
        resourceType: 'OperationOutcome',
        issue: [
          { severity: 'warning', code: 'informational' },
          { severity: 'error', code: 'duplicate', details: { coding: [{ code: 'DUPLICATE_REJECTED' }] } },
        ],
      }
      await using practice = await startPractice(pki, {
        provider: {
          handlers: {
            [READ_PATIENT](_, ctx) {
              ctx.status = 409
              return outcome
            },
          },
        },
      })

      const { status, body } = await ask(practice.port, pki, PATIENT)

      expect([status, JSON.parse(body)]).to.deep.equal([409, outcome])
      expect(practice.records()[0]).to.include({ outcome: 'refused', status: 409, errorCode: 'DUPLICATE_REJECTED' })
      expect(practice.events.at(-1)).to.include({ type: 'transaction.refused', code: 'DUPLICATE_REJECTED' })
    })

    it('records the record that a handler names', async () => {
      await using practice = await startPractice(pki, {
        provider: {
          handlers: {
            [READ_PATIENT](transaction) {
              transaction.setDataId('Patient/7')
              return { resourceType: 'Patient' }
            },
          },
        },
      })

      await ask(practice.port, pki, PATIENT)

      expect(practice.records()[0]?.dataId).to.equal('Patient/7')
    })

    it('refuses requests and runs no handler when the trail cannot be written', async () => {
      let runs = 0
      const sink = new BrokenSink()
      await using practice = await startPractice(
        pki,
        withHandler(() => void runs++, sink),
      )
      const first = await ask(practice.port, pki, PATIENT)
      sink.broken = true
      const second = await ask(practice.port, pki, PATIENT)
      const third = await ask(practice.port, pki, PATIENT)
      const runsWhileBroken = runs
      sink.broken = false
      const fourth = await ask(practice.port, pki, PATIENT)
      const fifth = await ask(practice.port, pki, PATIENT)

      // The second handler ran before the failure was known, but its answer was not sent.
      expect([first, second, third, fourth, fifth].map(({ status }) => status)).to.deep.equal([200, 500, 500, 500, 200])
      expect(runsWhileBroken).to.equal(2)
      expect(second.body).to.include('INTERNAL_SERVER_ERROR').and.not.include('"Patient"')
      expect(second.headers['cache-control']).to.equal('no-store')
      expect(sink.lines.map((line) => (JSON.parse(line) as { status: number }).status)).to.deep.equal([200, 500, 200])
    })

    it('stores the record before the answer is sent', async () => {
      const sink = new BrokenSink()
      await using practice = await startPractice(
        pki,
        withHandler(() => {}, sink),
      )

      const { status } = await ask(practice.port, pki, PATIENT)

      expect([status, sink.lines.length]).to.deep.equal([200, 1])
    })
  })

  describe('handlers', () => {
    it('answers 501 when nothing downstream answers', async () => {
      await using practice = await startPractice(pki, { provider: { handlers: {} } })

      const { status, body } = await ask(practice.port, pki, PATIENT)

      expect(status).to.equal(501)
      expect(body).to.include('NOT_IMPLEMENTED')
    })

    it('keeps the status that a handler sets', async () => {
      await using practice = await startPractice(pki, {
        provider: {
          handlers: {
            [READ_PATIENT](_, ctx) {
              ctx.status = 201
              ctx.set('Location', 'Patient/1')
              return { resourceType: 'Patient' }
            },
          },
        },
      })

      const { status, headers } = await ask(practice.port, pki, PATIENT)

      expect([status, headers['location']]).to.deep.equal([201, 'Patient/1'])
    })

    it('drops the headers of a handler that fails', async () => {
      await using practice = await startPractice(pki, {
        provider: {
          handlers: {
            [READ_PATIENT](_, ctx) {
              ctx.set('X-Patient', '9000000009')
              throw new ProviderError('NO_PATIENT_CONSENT')
            },
          },
        },
      })

      const { status, headers, body } = await ask(practice.port, pki, PATIENT)

      expect(status).to.equal(403)
      expect(headers).to.not.have.property('x-patient')
      expect(body).to.include('NO_PATIENT_CONSENT')
    })

    it('uses the same correlation id for an unexpected error in the answer and the log', async () => {
      await using practice = await startPractice(pki)

      const { body } = await ask(practice.port, pki, { path: '/__throw', interaction: 'urn:test:throw' })

      const correlationId = /correlation id ([0-9a-f-]{36})/.exec(body)?.[1]
      expect(correlationId).to.not.equal(undefined)
      expect(practice.events).to.deep.include.members([
        ...practice.events.filter(
          (event) =>
            event.type === 'transaction.failed' && event.correlationId === correlationId && event.error === 'Error',
        ),
      ])
      expect(
        practice.events.some((event) => event.type === 'transaction.failed' && event.correlationId === correlationId),
      ).to.equal(true)
    })
  })

  describe('failures of a handler', () => {
    // biome-ignore format: a table
    const FAILURES_OF_HANDLERS: readonly (readonly [code: FailureCode, status: number, issue: string])[] = [
      ['DUPLICATE_REJECTED',           409, 'duplicate'],
      ['FHIR_CONSTRAINT_VIOLATION',    409, 'conflict'],
      ['INVALID_PATIENT_DEMOGRAPHICS', 400, 'business-rule'],
      ['INVALID_ODS_CODE',             400, 'value'],
      ['INVALID_NHS_NUMBER',           400, 'value'],
      ['INVALID_IDENTIFIER_SYSTEM',    400, 'value'],
      ['INVALID_IDENTIFIER_VALUE',     400, 'value'],
      ['NO_ORGANISATION_CONSENT',      403, 'forbidden'],
      ['NON_AUTHORITATIVE',            403, 'forbidden'],
      ['REFERENCE_NOT_FOUND',          422, 'invalid'],
    ]

    for (const [code, status, issue] of FAILURES_OF_HANDLERS) {
      it(`${code}: ${status}, ${issue}`, async () => {
        await using practice = await startPractice(pki, {
          provider: {
            handlers: {
              [READ_PATIENT]() {
                throw new ProviderError(code)
              },
            },
          },
        })

        const reply = await ask(practice.port, pki, PATIENT)

        const outcome = JSON.parse(reply.body) as { issue: { code: string; details: { coding: { code: string }[] } }[] }
        expect(reply.status).to.equal(status)
        expect(outcome.issue[0]?.code).to.equal(issue)
        expect(outcome.issue[0]?.details.coding[0]?.code).to.equal(code)
        expect(practice.records()[0]).to.include({ outcome: 'refused', status, errorCode: code })
      })
    }
  })

  describe('rules', () => {
    // biome-ignore format: a table
    const CHOICES: readonly (readonly [what: string, options: PracticeOptions, difference: object, status: number, holds: string])[] = [
      ['bearer errors of RFC 6750',            { root: { rules: { bearerErrors: 'rfc6750' } } },              { token: { set: { '/sub': '2' } } },                               401, 'BAD_REQUEST'],
      ['scope errors of RFC 6750',             { root: { rules: { bearerErrors: 'rfc6750' } } },              { scope: 'patient/*.read' },                                       403, 'BAD_REQUEST'],
      ['a token that is too long, RFC 6750',   { root: { rules: { bearerErrors: 'rfc6750' } } },              { token: { padPayloadBytes: 9000 } },                              400, 'BAD_REQUEST'],
      ['no legacy audience',                   { root: { rules: { legacyAudience: false } } },                { token: { set: { '/aud': 'https://authorize.fhir.nhs.net/token' } } }, 400, 'aud'],
      ['a further audience',                   { provider: { audiences: ['https://other.example.test'] } },   { token: { set: { '/aud': 'https://other.example.test' } } },      200, 'CapabilityStatement'],
      ['any audience',                         { root: { rules: { audience: 'any' } } },                      { token: { set: { '/aud': 'urn:anything' } } },                    200, 'CapabilityStatement'],
      ['any audience, but not a blank one',    { root: { rules: { audience: 'any' } } },                      { token: { set: { '/aud': ' ' } } },                               400, 'aud'],
      ['any audience, but one text',           { root: { rules: { audience: 'any' } } },                      { token: { set: { '/aud': ['urn:a'] } } },                         400, 'aud'],
      ['an audience of the root’s list',       { root: { rules: { audience: [`${PUBLIC_URL}${ROOTS['v1.2'].path}/`] } } }, { token: { set: { '/aud': `${PUBLIC_URL}${ROOTS['v1.2'].path}/` } } }, 200, 'CapabilityStatement'],
      ['the root’s URL besides the list',      { root: { rules: { audience: ['urn:a'] } } },                  {},                                                                200, 'CapabilityStatement'],
      ['an audience that is not in the list',  { root: { rules: { audience: ['urn:a'] } } },                  { token: { set: { '/aud': 'urn:b' } } },                           400, 'aud'],
      ['BAD_REQUEST for a claim resource',     { root: { rules: { claimResourceCode: 'BAD_REQUEST' } } },     { token: { set: { '/requesting_device/x': 1 } } },                 422, '"code":"BAD_REQUEST","display":"Bad request"'],
      ['the CodeSystem',                       { root: { rules: { codingSystem: 'CodeSystem' } } },           { scope: 'x' },                                                    400, 'STU3/CodeSystem/Spine-ErrorOrWarningCode-1'],
      ['requested_record is ignored',          { root: { rules: { requestedRecord: 'ignore' } } },            { token: { set: { '/requested_record': {} } } },                   200, 'CapabilityStatement'],
      ['exception for an unexpected error',    { root: { rules: { unexpectedIssue: 'exception' } } },         { path: '/__throw', interaction: 'urn:test:throw' },               500, '"code":"exception"'],
      ['404 for an unknown path',              { root: { rules: { unknownPath: 404 } } },                     { path: '/metadatas' },                                            404, 'REFERENCE_NOT_FOUND'],
      ['ACCESS DENIED with a space',           { root: { rules: { accessDenied: 'ACCESS DENIED' }, disabled: true } }, {},                                                       403, '"ACCESS DENIED"'],
      ['one capability switched off',          { root: { disabled: [`${BASE}rest:read:metadata-1`] } },       {},                                                                403, 'ACCESS_DENIED'],
      ['another capability switched off',      { root: { disabled: [READ_PATIENT] } },                        {},                                                                200, 'CapabilityStatement'],
      ['400 for an unknown resourceType',      { root: { rules: { unknownResourceType: 400 } } },             { token: { set: { '/requesting_device/resourceType': 'X' } } },    400, 'requesting_device'],
      ['iat is compared with the clock',       { root: { rules: { futureIatSeconds: 60 } } },                 { token: { iatOffsetSeconds: 100 } },                              400, 'iat'],
      ['iat may be slightly in the future',    { root: { rules: { futureIatSeconds: 60 } } },                 { token: { iatOffsetSeconds: 30 } },                               200, 'CapabilityStatement'],
      ['an expired token within the leeway',   { root: { rules: { expiryLeewaySeconds: 30 } } },              { token: { iatOffsetSeconds: -310 } },                             200, 'CapabilityStatement'],
      ['an expired token beyond the leeway',   { root: { rules: { expiryLeewaySeconds: 5 } } },               { token: { iatOffsetSeconds: -310 } },                             400, 'expired'],
      ['scopes are not compared',              { root: { rules: { scopeEndpoints: false } } },                { scope: 'patient/*.write' },                                      200, 'CapabilityStatement'],
      ['scopes are still parsed',              { root: { rules: { scopeEndpoints: false } } },                { scope: 'badScope' },                                             400, 'requested_scope'],
      ['any trace ID',                         { root: { rules: { traceId: 'any' } } },                       { traceId: 'trace 1' },                                            200, 'CapabilityStatement'],
      ['a longer token',                       { root: { rules: { maxTokenLength: 12_000 } } },               { token: { padPayloadBytes: 7000 } },                              200, 'CapabilityStatement'],
      ['an interaction is removed',            { root: { remove: [`${BASE}rest:read:metadata-1`] } },         {},                                                                400, 'Ssp-InteractionID'],
    ]

    for (const [what, options, difference, status, holds] of CHOICES) {
      it(`${what}: ${status}`, async () => {
        await using practice = await startPractice(pki, options)

        const reply = await ask(practice.port, pki, difference)

        expect([reply.status, reply.body]).to.satisfy(
          ([got, body]: [number, string]) => got === status && body.includes(holds),
        )
      })
    }
  })

  describe('a migration without its practitioner', () => {
    for (const [migrationPractitioner, status] of [
      ['optional', 200],
      ['required', 400],
    ] as const) {
      it(`${migrationPractitioner}: ${status}, and its record names the user of sub`, async () => {
        const interaction = {
          id: 'urn:test:migrate',
          method: 'GET',
          path: 'migrate',
          scope: 'patient/*.read',
          migration: true,
        } as const
        await using practice = await startPractice(pki, {
          root: { add: [interaction], rules: { migrationPractitioner } },
          provider: { handlers: { 'urn:test:migrate': () => ({ resourceType: 'Bundle' }) } },
        })

        const reply = await ask(practice.port, pki, {
          path: '/migrate',
          interaction: interaction.id,
          scope: interaction.scope,
          token: { set: { '/sub': 'u-77' }, remove: ['/requesting_practitioner'] },
        })

        expect(reply.status).to.equal(status)
        expect(practice.records()[0]).to.include({ userId: 'u-77', status })
      })
    }
  })

  it('refuses every request when the trail is broken from the start', async () => {
    const sink = new BrokenSink()
    sink.broken = true
    await using practice = await startPractice(
      pki,
      withHandler(() => {}, sink),
    )

    const reply = await ask(practice.port, pki, PATIENT)

    expect(reply.status).to.equal(500)
    await until(() => practice.events.some(({ type }) => type === 'audit.failed'))
  })
})

function withHandler(run: () => void, audit: AuditSink): PracticeOptions {
  return {
    provider: {
      audit,
      handlers: {
        [READ_PATIENT]() {
          run()
          return { resourceType: 'Patient' }
        },
      },
    },
  }
}

/** A sink that fails while `broken` is set. */
class BrokenSink implements AuditSink {
  readonly lines: string[] = []
  broken = false

  async open(): Promise<{ end: undefined; torn: boolean }> {
    if (this.broken) throw new Error('broken')
    return { end: undefined, torn: false }
  }

  async append(lines: string): Promise<void> {
    if (this.broken) throw new Error('broken')
    this.lines.push(...lines.split('\n').slice(0, -1))
  }

  async close(): Promise<void> {}
}
