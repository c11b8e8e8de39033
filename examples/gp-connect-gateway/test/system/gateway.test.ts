/** The recorded cases against the command `gateway`, in front of a system that answers like the example with Koa. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import {
  DEFAULT_RULES,
  FAILURES,
  formatResource,
  ProviderError,
  type Resource,
  type Transaction,
} from '@formbuilder/gp-connect-provider'
import { expect } from 'chai'
import { jwtVerify } from 'jose'
import { freePort } from '../../../../packages/adapter-sdk/test/free-port.ts'
import { operationOutcome } from '../../../../packages/gp-connect-provider/src/fhir/operation-outcome.ts'
import {
  dependsOnMode,
  fixtureCases,
  runCase,
  type Subject,
  until,
} from '../../../../packages/gp-connect-provider/test/cases/case.ts'
import { Pki, SSP_FQDN } from '../../../../packages/gp-connect-provider/test/pki.ts'
import { PUBLIC_URL, readRecords } from '../../../../packages/gp-connect-provider/test/practice.ts'
import { fits, ROOTS, subjectOf } from '../../../../packages/gp-connect-provider/test/started-example.ts'
import { HANDLERS, TEST_INTERACTIONS } from '../../../gp-connect-provider/src/interactions.ts'

const COMMAND = resolve(import.meta.dirname, '../../../../packages/gp-connect-provider/bin/gp-connect-provider.cjs')
const SECRET = 'an-example-of-a-secret-for-tests-only-0'

describe('the command gateway', () => {
  let pki: Pki
  let folder: string
  let system: Server

  before(async () => {
    pki = await Pki.create()
    folder = mkdtempSync(join(tmpdir(), 'gp-connect-gateway-'))
    writeFileSync(join(folder, 'claims.secret'), SECRET)
    system = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1')
    await once(system, 'listening')
  })

  after(async () => {
    system.closeAllConnections()
    system.close()
    await pki[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  for (const mode of ['strict', 'respond'] as const) {
    describe(`in ${mode} mode`, () => {
      let gateway: ChildProcess
      let subject: Subject
      let log = ''

      before(async () => {
        const port = await freePort()
        const file = join(folder, `${mode}.json`)
        writeFileSync(file, JSON.stringify(configuration(port, mode)))
        gateway = spawn(process.execPath, [COMMAND, 'gateway', '--config', file], {
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        gateway.stdout?.on('data', (chunk) => {
          log += chunk
        })
        await until(() => /"listening"/.test(log) || gateway.exitCode !== null)
        subject = subjectOf({ port, stdout: () => log, auditFile: join(folder, `${mode}.jsonl`) }, pki, mode)
      })

      after(async () => {
        gateway.kill('SIGTERM')
        if (gateway.exitCode === null) await once(gateway, 'exit')
      })

      const cases = fixtureCases().filter((one) => fits(one) && (mode === 'strict' || dependsOnMode(one)))
      for (const one of cases) {
        for (const profile of one.profiles) {
          it(`${one.id} ${profile}`, async () => expect(await runCase(one, profile, subject)).to.deep.equal([]))
        }
      }

      it('writes nothing to its log that names a patient', () => {
        expect(log).to.not.match(/9000000009|9000000017|eyJ|identifier=|Patient\/1|GCASDS0001/)
      })

      it('ends well when it is told to, with records of everything', async () => {
        gateway.kill('SIGTERM')
        const [code] = await once(gateway, 'exit')

        expect(code).to.equal(0)
        expect(readRecords(join(folder, `${mode}.jsonl`))).to.have.length.above(8)
      })
    })
  }

  function configuration(port: number, mode: string): object {
    const roots = Object.entries(ROOTS).map(([path, root]) => [path, { ...root, add: TEST_INTERACTIONS }])
    return {
      publicUrl: PUBLIC_URL,
      serviceRoots: Object.fromEntries(roots),
      rules: { requestedRecord: 'reject' },
      audit: { file: `${mode}.jsonl` },
      maxBodyBytes: 262_144,
      server: {
        port,
        host: '127.0.0.1',
        certFile: pki.path('server.pem'),
        keyFile: pki.path('server.key'),
        client: { caFiles: pki.caFiles, crlFiles: pki.crlFiles, fqdns: ['another.example.test', SSP_FQDN], mode },
      },
      upstream: { url: `http://127.0.0.1:${(system.address() as AddressInfo).port}`, secretFile: 'claims.secret' },
    }
  }
})

/** What a supplier's own system would do, with the handlers of the example. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const token = String(request.headers['gp-connect-claims'])
  const { payload } = await jwtVerify(token, new TextEncoder().encode(SECRET), { algorithms: ['HS256'] })
  const body = await text(request)
  const claims = payload as unknown as Transaction & { readonly interaction: string }
  const transaction: Transaction = {
    ...claims,
    interaction: { id: claims.interaction, method: 'GET', path: '', scope: 'patient/*.read' },
    query: new URL(String(request.url), 'http://localhost').searchParams,
    body: body.startsWith('{') ? JSON.parse(body) : undefined,
    setDataId() {},
  }
  const reply = (status: number, resource: Resource): void => {
    const { contentType, body: content } = formatResource(resource, transaction)
    response.writeHead(status, { 'Content-Type': contentType }).end(content)
  }
  try {
    const handler = HANDLERS[claims.interaction]
    if (handler === undefined) throw new ProviderError('NOT_IMPLEMENTED')
    reply(200, handler(transaction, { set: (name, value) => response.setHeader(name, value) }))
  } catch (error) {
    const failure = error instanceof ProviderError ? error : new ProviderError('INTERNAL_SERVER_ERROR')
    const { fhir } = transaction.root
    reply(FAILURES[failure.code].status, operationOutcome(failure.code, failure.diagnostics, fhir, DEFAULT_RULES))
  }
}
