/** What the GP Connect guard costs a request, over a bare Koa answer on the same mutual TLS. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Lab } from './lab.ts'
import type { Measure } from './report.ts'

const ROUNDS = 5
const ROOT = '/GP0001/STU3/1/gpconnect'
const EXAMPLE = join(import.meta.dirname, '../examples/gp-connect-provider/src')

export async function guard(lab: Lab): Promise<Measure[]> {
  const pki = join(lab.folder, 'pki')
  const run = (program: string, ...words: string[]) =>
    execFileSync(process.execPath, [join(EXAMPLE, program), ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  run('make-pki.ts', pki)
  const audience = 'https://localhost:8443'
  const environment = {
    TLS_CERT_FILE: join(pki, 'server.pem'),
    TLS_KEY_FILE: join(pki, 'server.key'),
    CLIENT_CA_FILES: join(pki, 'ca.pem'),
    CLIENT_CRL_FILES: ['root.crl.pem', 'sub.crl.pem'].map((name) => join(pki, name)).join(','),
    SSP_FQDNS: 'ssp.example.test',
    PUBLIC_URL: audience,
    HOST: '127.0.0.1',
    AUDIT_FILE: join(lab.folder, 'audit.jsonl'),
    RATE_LIMIT_PER_SECOND: '1000000',
    SERVICE_ROOTS: JSON.stringify({ [ROOT]: { asid: '918999198993', preset: 'v1.2' } }),
  }
  const floor = await lab.start('floors/mutual.ts', environment)
  const secured = await lab.start('floors/secured.ts', environment)
  const guarded = await lab.start('floors/guarded.ts', environment)
  const bodies = join(lab.folder, 'nothing')
  writeFileSync(bodies, '')
  const rounds: { floor: number[]; secured: number[]; guarded: number[] } = { floor: [], secured: [], guarded: [] }
  // The first round warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    const get = [
      'Accept: application/fhir+json',
      'Ssp-TraceID: 09a01679-2564-0fb4-5129-aecc81ea2706',
      'Ssp-From: 200000000359',
      'Ssp-To: 918999198993',
      'Ssp-InteractionID: urn:nhs:names:services:gpconnect:fhir:rest:read:patient-1',
      `Authorization: Bearer ${run('make-token.ts', `${audience}${ROOT}`, 'patient/*.read').trim()}`,
    ]
    const order = {
      bodies,
      get,
      path: `${ROOT}/Patient/1`,
      ca: join(pki, 'ca.pem'),
      client: { cert: join(pki, 'ssp.pem'), key: join(pki, 'ssp.key') },
      seconds: 2,
    }
    for (const [name, subject] of [
      ['floor', floor],
      ['secured', secured],
      ['guarded', guarded],
    ] as const) {
      const report = await lab.load(subject, order)
      if (Object.keys(report.statuses).join() !== '200')
        throw new Error(`${name} answered ${JSON.stringify(report.statuses)}`)
      if (round > 0) rounds[name].push(report.perSecond)
    }
  }
  const bare = 'floor: bare Koa on mutual TLS'
  const behind = 'the same behind secure-server'
  return [
    { subject: bare, unit: 'a second', rounds: rounds.floor },
    { subject: behind, unit: 'a second', rounds: rounds.secured, against: bare },
    {
      subject: 'guard, audit and handler',
      unit: 'a second',
      rounds: rounds.guarded,
      against: bare,
      // A cost of 25 % more time for each request is a rate of 1 / 1.25.
      mark: { ratio: 0.8 },
    },
    {
      subject: 'guard, audit and handler, of the server layer',
      unit: 'a second',
      rounds: rounds.guarded,
      against: behind,
    },
  ]
}
