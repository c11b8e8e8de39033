/** Tests the order of the checks, and that each check is the one that refuses its cases. */
import { expect } from 'chai'
import { checks } from '../../src/checks/checks.ts'
import { type Case, fixtureCases, runCase, type Subject } from '../cases/case.ts'
import { moreCases } from '../cases/own.ts'
import { Pki } from '../pki.ts'
import { type Practice, type PracticeOptions, PUBLIC_URL, ROOTS, startPractice } from '../practice.ts'

/** Cases that pass only with the check: without it the answer is wrong. */
// biome-ignore format: a table
const WITNESSES: readonly (readonly [check: string, cases: readonly string[], options?: PracticeOptions])[] = [
  ['service-root',       ['JWT-021', 'SCP-010']],
  ['single-headers',     ['own: Ssp-TraceID is sent twice'], { provider: { rules: { traceId: 'any' } } }],
  ['ssp-traceid',        ['SSP-001', 'SSP-006', 'AUD-009', 'own: Ssp-TraceID is not a UUID']],
  ['ssp-from',           ['SSP-012', 'AUD-008', 'own: Ssp-From is blank', 'own: Ssp-From has eleven digits']],
  ['ssp-to',             ['SSP-010', 'SSP-042', 'own: Ssp-To is missing', 'own: Ssp-To is the ASID of another root']],
  ['ssp-interactionid',  ['JWT-021', 'SCP-010']],
  ['interaction-method', ['SSP-030', 'HTTP-004']],
  ['interaction-path',   ['SSP-024', 'SSP-027', 'SSP-032', 'SSP-035', 'SSP-037', 'HTTP-001', 'own: /Patient/%31 is not Patient/{id}']],
  ['accept',             ['HTTP-016', 'own: Accept is application/json']],
  ['content-type',       ['own: Content-Type is "text/plain"', 'own: Content-Type is "application/fhir+json; charset=iso-8859-1"']],
  ['token',              ['own: a token of ten kilobytes']],
  ['token-parts',        ['JWT-044', 'own: the last dot is missing']],
  ['token-header',       ['JWT-041', 'own: the header is {"alg":"none","typ":"JWT","kid":"1"}']],
  ['token-signature',    ['own: there is a signature']],
  ['token-payload',      ['JWT-021', 'SCP-010']],
  ['iss',                ['JWT-061', 'own: iss is not a web address', 'own: iss is null']],
  ['sub',                ['JWT-034', 'JWT-051', 'own: sub is another user']],
  ['aud',                ['JWT-049', 'JWT-070', 'own: aud is another root of this server']],
  ['exp',                ['own: a token expired a second ago', 'own: a token expires now', 'own: exp is missing']],
  ['iat',                ['own: iat is missing', 'own: iat is 0', 'own: iat is a text']],
  ['lifetime',           ['JWT-004', 'own: a token lives 299 seconds', 'own: a token lives 301 seconds']],
  ['reason',             ['JWT-009', 'JWT-024', 'JWT-073', 'own: reason_for_request in capitals']],
  ['requested-record',   ['JWT-040', 'own: requested_record is missing in 0.x']],
  ['scope',              ['JWT-019', 'own: "badScope" is not a scope', 'SCP-024']],
  ['device',             ['JWT-011', 'JWT-065', 'JWT-067', 'own: requesting_device is an unknown resource']],
  ['organization',       ['JWT-026', 'JWT-036', 'own: the organisation has no ODS code']],
  ['practitioner',       ['JWT-014', 'JWT-029', 'JWT-031', 'JWT-054', 'own: the practitioner has no given name']],
  ['scope-endpoint',     ['SCP-001', 'SCP-004', 'SCP-007', 'SCP-015', 'SCP-017', 'SCP-019']],
  ['enabled',            ['own: a capability that is switched off'], { root: { disabled: true } }],
  ['body',               ['own: the body is []', 'own: a body nests very deeply', 'own: a body that decompresses beyond the limit']],
  ['requested-patient',  ['JWT-039', 'own: a care record without a patient', 'own: a care record of an organisation']],
]

const ALL = new Map([...fixtureCases(), ...moreCases(), switchedOff()].map((one) => [one.id, one]))

describe('the list of checks', () => {
  let pki: Pki

  before(async () => {
    pki = await Pki.create()
  })

  after(() => pki[Symbol.asyncDispose]())

  it('runs in the order of the specification', () => {
    const names = checks({ find: () => undefined }, 0).map(({ name }) => name)

    expect(names).to.deep.equal(WITNESSES.map(([check]) => check))
  })

  for (const [check, ids, options] of WITNESSES) {
    describe(`with ${check}`, () => {
      let complete: Practice
      let without: Practice

      before(async () => {
        complete = await startPractice(pki, options)
        without = await startPractice(pki, { ...options, without: [check] })
      })

      after(async () => {
        await complete[Symbol.asyncDispose]()
        await without[Symbol.asyncDispose]()
      })

      for (const id of ids) {
        for (const { one, profile } of found(id)) {
          it(`${id} (${profile}) passes, and fails without the check`, async () => {
            expect(await runCase(one, profile, subjectOf(complete, pki))).to.deep.equal([])

            expect(await runCase(one, profile, subjectOf(without, pki))).to.not.deep.equal([])
          })
        }
      }
    })
  }
})

function found(id: string): { one: Case; profile: string }[] {
  const one = ALL.get(id)
  if (one === undefined) throw new Error(`there is no case ${id}`)
  return one.profiles.map((profile) => ({ one, profile }))
}

function switchedOff(): Case {
  const good = fixtureCases().find(({ id }) => id === 'JWT-021')
  if (good === undefined) throw new Error('there is no case JWT-021')
  return {
    ...good,
    id: 'own: a capability that is switched off',
    profiles: ['1.x'],
    expect: { status: 403, body: 'OperationOutcome', issueCode: 'forbidden', spineErrorCode: 'ACCESS_DENIED' },
  }
}

function subjectOf(practice: Practice, keys: Pki): Subject {
  const presets: Readonly<Record<string, keyof typeof ROOTS>> = { '0.x': 'v0.5', '1.6+': 'v1.6' }
  return {
    port: practice.port,
    pki: keys,
    mode: 'strict',
    root: (profile) => ROOTS[presets[profile] ?? 'v1.2'],
    otherAsid: ROOTS['v1.6'].asid,
    publicUrl: PUBLIC_URL,
    log: practice.log,
    records: practice.records,
  }
}
