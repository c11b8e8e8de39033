/** Tests practices and capabilities that are switched while the provider runs. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { capabilityOf } from '../../src/roots/capabilities.ts'
import { PRESETS } from '../../src/roots/interactions.ts'
import type { SwitchSource } from '../../src/server/switches.ts'
import { until } from '../cases/case.ts'
import { Pki } from '../pki.ts'
import { type Practice, ROOTS, startPractice } from '../practice.ts'
import { ask, type Difference, PATIENT } from '../requests.ts'

const BASE = 'urn:nhs:names:services:gpconnect:fhir:'
const PATH = ROOTS['v1.2'].path
const SLOTS: Difference = { path: '/Slot', interaction: `${BASE}rest:search:slot-1` }

describe('switches', () => {
  let pki: Pki
  let folder: string
  let file: string

  before(async () => {
    pki = await Pki.create()
  })

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'gp-connect-switches-'))
    file = join(folder, 'switches.json')
  })

  afterEach(() => rmSync(folder, { recursive: true }))

  after(() => pki[Symbol.asyncDispose]())

  it('leave everything off that no file switches on', async () => {
    await using practice = await startPractice(pki, { provider: { switches: { file } } })

    const reply = await ask(practice.port, pki, PATIENT)

    expect(reply.status).to.equal(403)
    expect(reply.body).to.include('ACCESS_DENIED')
  })

  it('change without a restart when the file changes, and each change is recorded', async () => {
    change({ changedBy: 'Dr Anna Smith', roots: { [PATH]: ['structured'] } })
    await using practice = await startPractice(pki, { provider: { switches: { file } } })
    const before = await statuses(practice)

    change({ changedBy: 'Dr Beth Jones', roots: { [PATH]: ['appointments'] } })
    await until(async () => (await ask(practice.port, pki, SLOTS)).status === 200)
    const between = await statuses(practice)
    change({ roots: { [PATH]: false } })
    await until(async () => (await ask(practice.port, pki, PATIENT)).status === 403)
    const after = await statuses(practice)

    // Foundations, such as reading a patient, are on as soon as the practice is.
    expect([before, between, after]).to.deep.equal([
      { patient: 200, slots: 403 },
      { patient: 200, slots: 200 },
      { patient: 403, slots: 403 },
    ])
    expect(changes(practice)).to.deep.equal([
      ['enabled', ROOTS['v1.2'].asid, PATH, 'Dr Anna Smith'],
      ['enabled', ROOTS['v1.2'].asid, `${PATH} structured`, 'Dr Anna Smith'],
      ['enabled', ROOTS['v1.2'].asid, `${PATH} appointments`, 'Dr Beth Jones'],
      ['disabled', ROOTS['v1.2'].asid, `${PATH} structured`, 'Dr Beth Jones'],
      ['disabled', ROOTS['v1.2'].asid, PATH, null],
      ['disabled', ROOTS['v1.2'].asid, `${PATH} appointments`, null],
    ])
  })

  it('stay as they are when the new file is wrong', async () => {
    change({ roots: { [PATH]: true } })
    await using practice = await startPractice(pki, { provider: { switches: { file } } })

    change({ roots: { [PATH]: ['appointment'], '/x': true } })
    await until(() => practice.events.some(({ type }) => type === 'switches.refused'))

    expect(await statuses(practice)).to.deep.equal({ patient: 200, slots: 200 })
    expect(practice.events).to.deep.include({
      type: 'switches.refused',
      problems: [
        `the switches of ${PATH} are neither a boolean nor a list of appointments, structured`,
        'the switches have /x, which is no service root',
      ],
    })
  })

  it('are off again when the file is removed', async () => {
    change({ roots: { [PATH]: true } })
    await using practice = await startPractice(pki, { provider: { switches: { file } } })
    const before = await statuses(practice)

    rmSync(file)
    await until(async () => (await ask(practice.port, pki, PATIENT)).status === 403)

    expect(before).to.deep.equal({ patient: 200, slots: 200 })
  })

  for (const text of [
    '{',
    '[]',
    '{"roots":[]}',
    '{"roots":{},"root":{}}',
    '{"roots":{},"changedBy":1}',
    '{"roots":{"/x":1}}',
  ]) {
    it(`do not let a provider start with ${text}`, async () => {
      writeFileSync(file, text)

      const code: unknown = await startPractice(pki, { provider: { switches: { file } } }).catch(
        (error: { code?: unknown }) => error.code,
      )

      expect(code).to.equal('ERR_CONFIG_INVALID')
    })
  }

  it('can be a function, whose changes are recorded before the request that shows them', async () => {
    const on = new Set<string | undefined>([undefined])
    const switches: SwitchSource = async (root, capability) => root.path === PATH && on.has(capability)
    await using practice = await startPractice(pki, { provider: { switches } })
    const before = await statuses(practice)
    on.add('appointments')

    const after = await statuses(practice)

    expect([before, after]).to.deep.equal([
      { patient: 200, slots: 403 },
      { patient: 200, slots: 200 },
    ])
    expect(practice.records().map(({ outcome }) => outcome)).to.deep.equal([
      ...['enabled', 'served', 'refused'],
      ...['served', 'enabled', 'served'],
    ])
  })

  it('refuse a request whose function fails', async () => {
    const switches = (): never => {
      throw new Error('the database is gone')
    }
    await using practice = await startPractice(pki, { provider: { switches } })

    expect((await ask(practice.port, pki, PATIENT)).status).to.equal(500)
    expect(practice.records()).to.have.length(1)
  })

  it('know the capability of every interaction', () => {
    const all = new Map(
      Object.values(PRESETS).flatMap(({ interactions }) => interactions.map((one) => [one.id, capabilityOf(one)])),
    )
    const foundations = [...all]
      .filter(([, capability]) => capability === undefined)
      .map(([id]) => id.slice(BASE.length))

    expect(foundations).to.have.members([
      ...['rest:read:metadata', 'rest:read:metadata-1', 'rest:read:patient-1', 'rest:search:patient-1'],
      ...['rest:read:practitioner-1', 'rest:search:practitioner-1', 'rest:read:organization-1'],
      ...['rest:search:organization-1', 'rest:read:location-1', 'operation:gpc.registerpatient-1'],
    ])
    expect(new Set(all.values())).to.have.keys([undefined, 'html', 'structured', 'documents', 'appointments'])
  })

  /** Replaces the file as an operator would, so that no half of it is read. */
  function change(content: object): void {
    writeFileSync(`${file}.new`, JSON.stringify(content))
    renameSync(`${file}.new`, file)
  }

  async function statuses({ port }: Practice): Promise<object> {
    const [patient, slots] = [await ask(port, pki, PATIENT), await ask(port, pki, SLOTS)]
    return { patient: patient.status, slots: slots.status }
  }

  function changes(practice: Practice): unknown[] {
    return practice
      .records()
      .filter(({ outcome }) => outcome === 'enabled' || outcome === 'disabled')
      .map(({ outcome, to, dataId, userName }) => [outcome, to, dataId, userName])
  }
})
