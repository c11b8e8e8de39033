/** Tests the example from outside: its process, environment, files and stdout. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { freePort } from '../../../../packages/adapter-sdk/test/free-port.ts'
import {
  type Case,
  fixtureCases,
  runCase,
  type Subject,
  until,
} from '../../../../packages/gp-connect-provider/test/cases/case.ts'
import { moreCases } from '../../../../packages/gp-connect-provider/test/cases/own.ts'
import { exchange, KeptConnection, plain } from '../../../../packages/gp-connect-provider/test/client.ts'
import { Pki } from '../../../../packages/gp-connect-provider/test/pki.ts'
import { readRecords } from '../../../../packages/gp-connect-provider/test/practice.ts'
import { ask, goodRequest, PATIENT, targetOf } from '../../../../packages/gp-connect-provider/test/requests.ts'
import {
  fits,
  type StartedExample,
  startExample,
  subjectOf,
} from '../../../../packages/gp-connect-provider/test/started-example.ts'

const ROOT = new URL('../../../../', import.meta.url).pathname
const COMMAND = join(ROOT, 'examples/gp-connect-provider/bin/example-gp-connect-provider.js')

describe('example of a GP Connect provider', () => {
  let pki: Pki
  let folder: string

  before(async () => {
    pki = await Pki.create()
    folder = mkdtempSync(join(tmpdir(), 'gp-connect-example-'))
  })

  after(async () => {
    await pki[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  for (const mode of ['strict', 'respond'] as const) {
    describe(`${mode} mode`, () => {
      let example: StartedExample
      let subject: Subject

      before(async () => {
        example = await start({
          CLIENT_CERT_MODE: mode,
          AUDIT_FILE: join(folder, `${mode}.jsonl`),
        })
        const kept = new KeptConnection(targetOf(example.port, pki))
        subject = { ...subjectOf(example, pki, mode), kept }
      })

      after(async () => {
        subject.kept?.[Symbol.dispose]()
        await example.stop()
      })

      for (const one of [...fixtureCases(), ...moreCases().filter(servesFixtureData)].filter(fits)) {
        for (const profile of one.profiles) {
          it(`${one.id} ${profile}`, async () => expect(await runCase(one, profile, subject)).to.deep.equal([]))
        }
      }

      it('writes JSON lines to stdout, and no NHS number, token or query', () => {
        const lines = example.stdout().trim().split('\n')

        for (const line of lines) expect(() => JSON.parse(line), line).to.not.throw()
        expect(example.stdout()).to.not.match(
          /9000000009|9000000017|eyJ|identifier=|Patient\/1|AssurancePractitioner|GCASDS0001/,
        )
        expect(example.stderr()).to.equal('')
      })

      it('writes an audit trail that the verifier accepts', async () => {
        await example.stop()

        expect(await verify(example.auditFile)).to.match(/^intact: /)
      })
    })
  }

  describe('in one process, with little room for bodies and time for handshakes,', () => {
    let example: StartedExample
    before(async () => {
      const AUDIT_FILE = join(folder, 'asked.jsonl')
      example = await start({ AUDIT_FILE, MAX_BODY_BYTES: '1000', HANDSHAKE_TIMEOUT_SECONDS: '1' })
    })
    after(() => example.stop())

    const recorded = () => (existsSync(example.auditFile) ? readRecords(example.auditFile).length : 0)

    it('records every field of a served transaction, in a file that only its owner can read', async () => {
      const reply = await ask(example.port, pki, PATIENT)

      const record = readRecords(example.auditFile).at(-1)
      expect(reply.status).to.equal(200)
      expect(reply.body).to.include('"id":"1"').and.include('9000000009')
      expect(record).to.include({
        userRole: '112233445566',
        organization: 'GPCA0001',
        userName: 'Mr AssuranceTest AssurancePractitioner',
        dataId: 'Patient/1',
        errorCode: null,
      })
      expect(statSync(example.auditFile).mode & 0o777).to.equal(0o600)
    })

    it('migrates a whole record only to the practice where the patient is registered', async () => {
      const [migration] = moreCases().filter(({ id }) => id === 'own: a record migrates')
      const elsewhere = {
        '/requesting_organization/identifier/0/value': 'A20047',
        ...migration?.request.jwtOverrides?.set,
      }
      const { expect: _, ...rest } = migration ?? ({} as Case)
      const foreign: Case = {
        ...rest,
        id: 'own: a record migrates to another practice',
        request: { ...rest.request, jwtOverrides: { set: elsewhere } },
        expect: { status: 403, body: 'OperationOutcome', issueCode: 'forbidden', spineErrorCode: 'NO_RELATIONSHIP' },
      }

      expect(await runCase(foreign, '1.6+', subjectOf(example, pki, 'strict'))).to.deep.equal([])
    })

    it('refuses an invalid NHS number in a body', async () => {
      const identifier = { system: 'https://fhir.nhs.uk/Id/nhs-number', value: '9000000008' }
      const bodies = {
        'getstructuredrecord-1': [{ name: 'patientNHSNumber', valueIdentifier: identifier }],
        'registerpatient-1': [
          { name: 'registerPatient', resource: { resourceType: 'Patient', identifier: [identifier] } },
        ],
      }

      for (const [operation, parameter] of Object.entries(bodies)) {
        const reply = await ask(example.port, pki, {
          method: 'POST',
          path: `/Patient/$gpc.${operation.slice(0, -2)}`,
          interaction: `urn:nhs:names:services:gpconnect:fhir:operation:gpc.${operation}`,
          scope: operation.startsWith('reg') ? 'patient/*.write' : 'patient/*.read',
          body: JSON.stringify({ resourceType: 'Parameters', parameter }),
        })

        expect([operation, reply.status]).to.deep.equal([operation, 400])
        expect(reply.body).to.include('"code":"INVALID_NHS_NUMBER"').and.include('"code":"value"')
      }
    })

    it('has a CapabilityStatement of the release of its root, as the official suite reads it', async () => {
      const { body } = await ask(example.port, pki)

      const statement = JSON.parse(body) as {
        version: string
        rest: { operation: { name: string; definition: { reference: string } }[] }[]
      }
      const operations = statement.rest[0]?.operation.map(({ name, definition }) => [name, definition.reference])
      expect(statement).to.include({ resourceType: 'CapabilityStatement', version: '1.2.8', fhirVersion: '3.0.1' })
      expect(operations).to.deep.include([
        'gpc.getstructuredrecord',
        'https://fhir.nhs.uk/STU3/OperationDefinition/GPConnect-GetStructuredRecord-Operation-1/_history/1.9',
      ])
    })

    it('limits bodies, also chunked ones', async () => {
      const operation = {
        method: 'POST',
        path: '/Patient/$gpc.getstructuredrecord',
        interaction: 'urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1',
        scope: 'patient/*.read',
      }
      const chunk = `${(2000).toString(16)}\r\n${'x'.repeat(2000)}\r\n0\r\n\r\n`
      const head = goodRequest({
        ...operation,
        headers: { 'Transfer-Encoding': 'chunked', 'Content-Type': 'application/fhir+json' },
      })

      const before = recorded()

      const counted = await ask(example.port, pki, { ...operation, body: `{"a":"${'x'.repeat(2000)}"}` })
      const chunked = await exchange(targetOf(example.port, pki), Buffer.concat([head, Buffer.from(chunk)]))

      expect([counted.status, chunked.status]).to.deep.equal([413, 413])
      expect(chunked.body).to.include('OperationOutcome')
      await until(() => recorded() >= before + 2)
      expect(
        readRecords(example.auditFile)
          .slice(before)
          .map(({ status }) => status),
      ).to.deep.equal([413, 413])
    })

    it('closes a connection that never completes the handshake', async () => {
      expect(await plain(example.port, '')).to.have.length(0)
    })

    it('opens no port for plain HTTP', async () => {
      expect(await plain(example.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')).to.have.length(0)
    })
  })

  it('continues its trail after kill -9, even with an incomplete last line', async () => {
    const AUDIT_FILE = join(folder, 'killed.jsonl')
    const first = await start({ AUDIT_FILE })
    await ask(first.port, pki, PATIENT)
    await first.kill()
    writeFileSync(AUDIT_FILE, `${readFileSync(AUDIT_FILE, 'utf8')}{"sequence":2,"time`)

    const second = await start({ AUDIT_FILE })
    await ask(second.port, pki, PATIENT)
    await second.stop()

    expect(readRecords(AUDIT_FILE).map(({ sequence, outcome }) => [sequence, outcome])).to.deep.equal([
      [1, 'served'],
      [2, 'recovered'],
      [3, 'served'],
    ])
    expect(await verify(AUDIT_FILE)).to.match(/^intact: 3/)
  })

  it('refuses every request when its trail cannot be written', async () => {
    await using example = await start({ AUDIT_FILE: '/dev/full' })

    const { status, body } = await ask(example.port, pki, PATIENT)

    expect(status).to.equal(500)
    expect(body).to.include('OperationOutcome').and.not.include('9000000009')
  })

  it('answers 429 or 503 with Retry-After beyond its limits', async () => {
    await using example = await start({ AUDIT_FILE: join(folder, 'rate.jsonl'), RATE_LIMIT_PER_SECOND: '1' })

    const replies = await Promise.all([...Array(6).keys()].map(() => ask(example.port, pki)))

    const refused = replies.filter(({ status }) => status === 429)
    expect(replies.filter(({ status }) => status === 200)).to.have.length.at.least(1)
    expect(refused).to.have.length.at.least(1)
    for (const { headers, body } of refused) {
      expect(headers['retry-after']).to.equal('1')
      expect(body).to.include('OperationOutcome')
    }
    await until(() => readRecords(example.auditFile).length === 6)
  })

  it('names every missing variable, and no value', async () => {
    const ended = await ending({ SSP_FQDNS: '', PORT: 'x9000000009', CLIENT_CERT_MODE: 'lenient', SERVICE_ROOTS: '[' })

    expect(ended.code).to.equal(1)
    for (const name of [
      'PORT',
      'TLS_CERT_FILE',
      'TLS_KEY_FILE',
      'CLIENT_CA_FILES',
      'CLIENT_CRL_FILES',
      'SSP_FQDNS',
      'CLIENT_CERT_MODE',
      'SERVICE_ROOTS',
    ]) {
      expect(ended.stderr).to.include(name)
    }
    expect(ended.stderr).to.not.include('9000000009')
  })

  it('answers the requests of README.md as described there', async () => {
    const readme = readFileSync(join(ROOT, 'examples/gp-connect-provider/README.md'), 'utf8')
    const [, requests = ''] = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block)
    const port = await freePort()
    await run(process.execPath, [join(ROOT, 'examples/gp-connect-provider/src/make-pki.ts'), join(folder, 'pki')])
    const file = (name: string): string => join(folder, 'pki', name)
    await using example = await start({
      PORT: String(port),
      PUBLIC_URL: `https://localhost:${port}`,
      AUDIT_FILE: join(folder, 'readme.jsonl'),
      TLS_CERT_FILE: file('server.pem'),
      TLS_KEY_FILE: file('server.key'),
      CLIENT_CA_FILES: file('ca.pem'),
      CLIENT_CRL_FILES: `${file('root.crl.pem')},${file('sub.crl.pem')}`,
      SSP_FQDNS: 'ssp.example.test',
    })

    const script = requests
      .replaceAll('8443', String(port))
      .replaceAll('pki/', `${folder}/pki/`)
      .replace('node src/', `${process.execPath} ${ROOT}examples/gp-connect-provider/src/`)
    const { output } = await run('bash', ['-c', script])

    expect(output.match(/^HTTP\/1\.1 \d+/gm)).to.deep.equal(['HTTP/1.1 200', 'HTTP/1.1 400'])
    await until(() => readRecords(join(folder, 'readme.jsonl')).length === 3)
    expect(readRecords(join(folder, 'readme.jsonl')).map(({ errorCode }) => errorCode)).to.deep.equal([
      null,
      'BAD_REQUEST',
      'CERT_REVOKED',
    ])
    // Its certificate lasts longer than the time before its end at which the server warns.
    expect(example.stdout()).to.include('certificate.loaded').and.not.include('certificate.expiring')
  })

  it('has the table of its variables in README.md', () => {
    const readme = readFileSync(join(ROOT, 'examples/gp-connect-provider/README.md'), 'utf8')
    const source = readFileSync(join(ROOT, 'examples/gp-connect-provider/src/configuration.ts'), 'utf8')

    const read = new Set([...source.matchAll(/'([A-Z][A-Z_]{3,})'/g)].map(([, name]) => name))
    const documented = new Set([...readme.matchAll(/`([A-Z][A-Z_]{3,})`/g)].map(([, name]) => name))
    expect([...read].filter((name) => !documented.has(name))).to.deep.equal([])
  })

  function start(environment: Record<string, string>): Promise<StartedExample> {
    return startExample([COMMAND], pki, environment)
  }
})

/** Selects a sample of the further cases, because the tests of the package run all of them. */
function servesFixtureData({ expect: { status } }: Case, at: number): boolean {
  return status === 200 || status === 404 || at % 10 === 0
}

function verify(file: string): Promise<string> {
  const command = join(ROOT, 'packages/gp-connect-provider/bin/gp-connect-verify-audit.cjs')
  return new Promise((resolve) =>
    execFile(process.execPath, [command, file], (_error, stdout, stderr) => resolve(stdout + stderr)),
  )
}

function ending(env: Record<string, string>): Promise<{ code: unknown; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND], { env }, (error, _stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stderr }),
    )
  })
}

function run(command: string, args: readonly string[]): Promise<{ code: unknown; output: string }> {
  return new Promise((resolve) => {
    execFile(command, args, (error, stdout, stderr) => resolve({ code: error?.code ?? 0, output: stdout + stderr }))
  })
}
