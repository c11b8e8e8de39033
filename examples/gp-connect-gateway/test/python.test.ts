/** The gateway in front of the system in Python, as its README starts them. Left out where there is no python3. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { SignJWT } from 'jose'
import { freePort } from '../../../packages/adapter-sdk/test/free-port.ts'
import { until } from '../../../packages/gp-connect-provider/test/cases/case.ts'
import { Pki, SSP_FQDN } from '../../../packages/gp-connect-provider/test/pki.ts'
import { PUBLIC_URL, readRecords } from '../../../packages/gp-connect-provider/test/practice.ts'
import { ask, PATIENT } from '../../../packages/gp-connect-provider/test/requests.ts'

const EXAMPLE = resolve(import.meta.dirname, '..')
const COMMAND = resolve(EXAMPLE, '../../packages/gp-connect-provider/bin/gp-connect-provider.cjs')
const SECRET = 'an-example-of-a-secret-for-tests-only-0'
const TARGET = '/GP0001/STU3/1/gpconnect/Patient/1'
const HAS_PYTHON = spawnSync('python3', ['--version']).status === 0

if (HAS_PYTHON)
  describe('a gateway in front of a system in Python (needs python3)', () => {
    let pki: Pki
    let folder: string
    let systemPort: number
    let gatewayPort: number
    const children: ChildProcess[] = []
    const records = () => readRecords(join(folder, 'audit.jsonl'))

    before(async () => {
      pki = await Pki.create()
      folder = mkdtempSync(join(tmpdir(), 'gp-connect-python-'))
      writeFileSync(join(folder, 'claims.secret'), `${SECRET}\n`)
      const system = start('python3', [join(EXAMPLE, 'system.py')], {
        CLAIMS_SECRET_FILE: join(folder, 'claims.secret'),
        PORT: '0',
      })
      systemPort = Number((await line(system, /listening on (\d+)/))[1])
      gatewayPort = await freePort()
      writeFileSync(join(folder, 'provider.json'), JSON.stringify(configuration()))
      const gateway = start(process.execPath, [COMMAND, 'gateway', '--config', join(folder, 'provider.json')], {})
      await line(gateway, /"listening","port":(\d+),/)
    })

    after(async () => {
      for (const child of children) {
        child.kill('SIGTERM')
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      }
      await pki[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    })

    // biome-ignore format: a table
    const ASKED: readonly (readonly [what: string, difference: Parameters<typeof ask>[2], status: number, body: RegExp, code: string | null])[] = [
      ['a patient',            PATIENT,                                                                200, /"id": "1", "active": true/,           null],
      ['a patient in XML',     { ...PATIENT, headers: { Accept: 'application/fhir+xml' } },            200, /<Patient xmlns.*<active value="true"/, null],
      ['no patient',           { ...PATIENT, path: '/Patient/2' },                                     404, /NO_RECORD_FOUND/,                     'NO_RECORD_FOUND'],
      ['no patient in XML',    { ...PATIENT, path: '/Patient/2', headers: { Accept: 'application/fhir+xml' } }, 404, /<code value="NO_RECORD_FOUND"/, 'NO_RECORD_FOUND'],
      ['claims of its own',    { ...PATIENT, headers: { 'GP-Connect-Claims': 'a.b.c', GP_Connect_Claims: 'a.b.c' } }, 200, /"id": "1"/,            null],
      ['another ASID',         { ...PATIENT, headers: { 'Ssp-To': '1' } },                             400, /BAD_REQUEST/,                         'BAD_REQUEST'],
      ['a body',               { method: 'POST', path: '/Patient/$gpc.getstructuredrecord', scope: 'patient/*.read',
                                 interaction: 'urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1',
                                 body: '{"resourceType":"Parameters"}' },                              200, /"collection"/,                        null],
    ]

    for (const [what, difference, status, body, code] of ASKED) {
      it(`answers a request for ${what} with ${status}, and records it`, async () => {
        const before = records().length

        const reply = await ask(gatewayPort, pki, difference)

        expect([reply.status, reply.headers['cache-control']]).to.deep.equal([status, 'no-store'])
        expect(reply.body).to.match(body)
        await until(() => records().length > before)
        expect([records().at(-1)?.status, records().at(-1)?.errorCode]).to.deep.equal([status, code])
      })
    }

    const claims = { method: 'GET', target: TARGET, interaction: PATIENT.interaction, id: '1', format: 'json' }
    const now = Math.floor(Date.now() / 1000)
    // biome-ignore format: a table
    const FORGED: readonly (readonly [what: string, headers: () => Promise<Record<string, string | string[]>>, status: number])[] = [
      ['claims of the gateway',     async () => ({ 'GP-Connect-Claims': await sign(claims) }),                                 200],
      ['no claims',                 async () => ({}),                                                                          403],
      ['another secret',            async () => ({ 'GP-Connect-Claims': await sign(claims, SECRET.replace('0', '1')) }),       403],
      ['another method',            async () => ({ 'GP-Connect-Claims': await sign({ ...claims, method: 'POST' }) }),          403],
      ['another target',            async () => ({ 'GP-Connect-Claims': await sign({ ...claims, target: `${TARGET}?a=b` }) }), 403],
      ['claims that have expired',  async () => ({ 'GP-Connect-Claims': await sign(claims, SECRET, now - 1) }),                403],
      ['claims without signature',  async () => ({ 'GP-Connect-Claims': (await sign(claims)).replace(/[^.]+$/, '') }),         403],
      ['claims of no algorithm',    async () => ({ 'GP-Connect-Claims': `${part({ alg: 'none' })}.${part({ ...claims, exp: now + 60 })}.` }), 403],
      ['claims twice',              async () => ({ 'GP-Connect-Claims': [await sign(claims), await sign(claims)] }),           403],
      ['claims that are no token',  async () => ({ 'GP-Connect-Claims': 'ä.b.c' }),                                            403],
    ]

    for (const [what, headers, status] of FORGED) {
      it(`lets the system itself answer ${status} to ${what}`, async () => {
        expect(await askSystem(await headers())).to.equal(status)
      })
    }

    it('checks the configuration of the example, but for the files that the reader makes', () => {
      const { status, stderr } = spawnSync(
        process.execPath,
        [COMMAND, 'gateway', '--check', '--config', join(EXAMPLE, 'provider.json')],
        { encoding: 'utf8' },
      )

      expect(status).to.equal(1)
      expect(
        stderr
          .trim()
          .split('\n')
          .filter((one) => !one.endsWith('cannot be read (ENOENT)')),
      ).to.deep.equal([])
    })

    function configuration(): object {
      const example = JSON.parse(readFileSync(join(EXAMPLE, 'provider.json'), 'utf8'))
      const client = { caFiles: pki.caFiles, crlFiles: pki.crlFiles, fqdns: [SSP_FQDN] }
      const { health: _, ...rest } = example
      return {
        ...rest,
        publicUrl: PUBLIC_URL,
        server: {
          port: gatewayPort,
          host: '127.0.0.1',
          certFile: pki.path('server.pem'),
          keyFile: pki.path('server.key'),
          client,
        },
        upstream: { ...example.upstream, url: `http://127.0.0.1:${systemPort}` },
      }
    }

    function start(command: string, args: readonly string[], environment: Record<string, string>): ChildProcess {
      const child = spawn(command, args, {
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      children.push(child)
      return child
    }

    async function line(child: ChildProcess, wanted: RegExp): Promise<RegExpExecArray> {
      let text = ''
      child.stdout?.on('data', (chunk) => {
        text += chunk
      })
      await until(() => wanted.test(text) || child.exitCode !== null)
      return wanted.exec(text) as RegExpExecArray
    }

    function askSystem(headers: Record<string, string | string[]>): Promise<number | undefined> {
      return new Promise((resolve, reject) => {
        request({ host: '127.0.0.1', port: systemPort, path: TARGET, headers }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
          .on('error', reject)
          .end()
      })
    }

    function sign(payload: Record<string, unknown>, secret = SECRET, expires = now + 60): Promise<string> {
      return new SignJWT({ ...payload, exp: expires })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .sign(new TextEncoder().encode(secret))
    }

    function part(value: object): string {
      return Buffer.from(JSON.stringify(value)).toString('base64url')
    }
  })
