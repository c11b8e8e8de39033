/** Every line of the operational log: its kind is a documented event, its time ISO 8601, and no field stands twice. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect } from 'chai'
import { until } from '../cases/case.ts'
import { Pki } from '../pki.ts'
import { startPractice } from '../practice.ts'
import { ask, PATIENT } from '../requests.ts'

const EVENTS = readFileSync(resolve(import.meta.dirname, '../../../../docs/reference/events.md'), 'utf8')
// Those of the HTTPS server stand there as an adapter logs them.
const DOCUMENTED = new Set([...EVENTS.matchAll(/^\| `(?:server\.)?([a-z.-]+)` \|/gm)].map(([, name = '']) => name))

describe('the lines of a provider', () => {
  let pki: Pki
  before(async () => {
    pki = await Pki.create()
  })
  after(() => pki[Symbol.asyncDispose]())

  it('each have a documented event, a time in ISO 8601 and no field twice, from its start to its end', async () => {
    const practice = await startPractice(pki, { mode: 'respond' })
    await ask(practice.port, pki, PATIENT)
    await ask(practice.port, pki, { ...PATIENT, path: '/nowhere' })
    await ask(practice.port, pki, PATIENT, 'ssp-revoked')
    await ask(practice.port, pki, PATIENT, 'none')
    await practice.provider.reload()
    await until(() => practice.log().includes('client.refused'))
    await practice[Symbol.asyncDispose]()
    const lines = practice.log().split('\n').filter(Boolean)

    for (const line of lines) {
      const fields = JSON.parse(line)
      expect(DOCUMENTED.has(fields.event), line).to.equal(true)
      expect(fields.time, line).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      expect(fields, line).not.to.have.property('type')
      expect(JSON.stringify(fields)).to.equal(line)
    }
    expect([...new Set(lines.map((line) => JSON.parse(line).event))]).to.include.members([
      ...['listening', 'certificate.loaded', 'trust.loaded', 'client.refused'],
      ...['stopped', 'audit.opened', 'transaction.served', 'transaction.refused'],
    ])
  })
})
