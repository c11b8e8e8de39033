/** What the GP Connect guard costs a request, over a bare Koa answer on the same mutual TLS, and what the gateway costs over the guard. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { between, floorRows, rateAndCpu } from './between.ts'
import type { Lab, Subject } from './lab.ts'
import type { Measure } from './report.ts'

const ROUNDS = 7
const SECONDS = 0.8
const WARM_UP_SECONDS = 3
/** What passes the gateway while its memory is watched: ten answers on two connections. */
const ANSWER_BYTES = 10 * 1_048_576
const ANSWERS = 10
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
  const bodies = join(lab.folder, 'nothing')
  writeFileSync(bodies, '')
  const order = async () => ({
    bodies,
    get: [
      'Accept: application/fhir+json',
      'Ssp-TraceID: 09a01679-2564-0fb4-5129-aecc81ea2706',
      'Ssp-From: 200000000359',
      'Ssp-To: 918999198993',
      'Ssp-InteractionID: urn:nhs:names:services:gpconnect:fhir:rest:read:patient-1',
      `Authorization: Bearer ${run('make-token.ts', `${audience}${ROOT}`, 'patient/*.read').trim()}`,
    ],
    path: `${ROOT}/Patient/1`,
    ca: join(pki, 'ca.pem'),
    client: { cert: join(pki, 'ssp.pem'), key: join(pki, 'ssp.key') },
    status: '200',
    seconds: SECONDS,
  })
  const contender = (subject: Subject) => ({ subject, order })
  const floor = contender(await lab.start('floors/mutual.ts', environment))
  const contenders = {
    secured: contender(await lab.start('floors/secured.ts', environment)),
    guarded: contender(await lab.start('floors/guarded.ts', environment)),
  }
  const turns = await between(lab, floor, contenders, { rounds: ROUNDS, warmUpSeconds: WARM_UP_SECONDS })
  const upstream = await lab.start('floors/upstream.ts')
  const secret = join(lab.folder, 'claims.secret')
  writeFileSync(secret, 'a secret of a benchmark, which is long enough')
  const gateway = await lab.start('floors/gateway.ts', {
    ...environment,
    AUDIT_FILE: join(lab.folder, 'gateway.jsonl'),
    UPSTREAM_URL: `http://127.0.0.1:${upstream.port}`,
    SECRET_FILE: secret,
  })
  const forwarded = await between(
    lab,
    contenders.guarded,
    { gateway: contender(gateway) },
    { rounds: ROUNDS, warmUpSeconds: WARM_UP_SECONDS },
  )
  const growth = []
  // The first round fills the buffers that are used again.
  for (let round = 0; round <= ROUNDS; round++) {
    const large = {
      ...(await order()),
      path: `${ROOT}/Patient/1?bytes=${ANSWER_BYTES}`,
      connections: 2,
      count: ANSWERS,
    }
    const before = gateway.memory()
    gateway.resetPeak()
    const { bytes } = await lab.load(gateway, large)
    if (bytes !== ANSWERS * ANSWER_BYTES) throw new Error(`the gateway passed ${bytes} bytes on`)
    if (round > 0) growth.push(gateway.peak() - before)
  }
  const bare = 'floor: bare Koa on mutual TLS'
  const beside = 'the guard again, beside the gateway'
  return [
    ...floorRows(bare, turns.secured),
    ...rateAndCpu('the same behind secure-server', turns.secured, bare, { rate: 0.9 }),
    ...rateAndCpu('guard, audit and handler', turns.guarded, bare, { rate: 0.65 }),
    ...floorRows(beside, forwarded.gateway),
    ...rateAndCpu('gateway, in front of a bare system', forwarded.gateway, beside, { rate: 0.6 }),
    {
      subject: 'memory of the gateway while 100 MiB pass',
      unit: 'MiB more',
      rounds: growth,
      mark: { value: 64, atMost: true },
    },
  ]
}
