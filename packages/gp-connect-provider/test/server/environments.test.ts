/** Tests what an environment of the Spine sets, and what the supplier has to say. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createProvider } from '../../src/provider.ts'
import { ENVIRONMENTS, type EnvironmentName, fqdnsOf } from '../../src/server/environments.ts'
import type { ClientSettings } from '../../src/server/server.ts'
import { Pki } from '../pki.ts'
import { PUBLIC_URL, ROOTS } from '../practice.ts'
import { ask } from '../requests.ts'

describe('an environment of the Spine', () => {
  let pki: Pki
  let folder: string

  before(async () => {
    pki = await Pki.create()
    folder = mkdtempSync(join(tmpdir(), 'gp-connect-environment-'))
  })

  after(async () => {
    rmSync(folder, { recursive: true })
    await pki[Symbol.asyncDispose]()
  })

  it('has the names of the proxy where a source has them, and they are checked', async () => {
    await using running = await start({ environment: 'dev' })

    // The certificate has another name than that of the environment.
    expect((await ask(running.port, pki)).status).to.equal(undefined)
    expect(fqdnsOf({ environment: 'dev' })).to.deep.equal(['msg.dev.spine2.ncrs.nhs.uk'])
  })

  it('gives way to names that are given', async () => {
    await using running = await start({ environment: 'live', fqdns: ['msg.dev.spine2.example.test'] })

    expect((await ask(running.port, pki)).status).to.equal(501)
    expect(fqdnsOf({ environment: 'dev', fqdns: ['other.example'] })).to.deep.equal(['other.example'])
  })

  for (const environment of ['opentest', 'int', 'dep', 'live'] as const)
    it(`has no names of ${environment}, which have to be given`, async () => {
      expect(await problemOf({ environment })).to.equal(
        `client.fqdns is missing, and no source names those of ${environment}`,
      )
      expect(ENVIRONMENTS[environment].fqdns).to.equal(undefined)
    })

  for (const environment of ['LIVE', 'production', '', 'toString', '__proto__', 1, null])
    it(`is none with the name ${JSON.stringify(environment)}`, async () => {
      const problem = 'client.environment is none of dev, opentest, int, dep, live'

      expect(await problemOf({ environment: environment as EnvironmentName })).to.equal(problem)
    })

  it('may be missing where the names are given, and not otherwise', async () => {
    expect(await problemOf({})).to.equal('client.fqdns is not a list of texts')
  })

  async function problemOf(client: Partial<ClientSettings>): Promise<unknown> {
    const error: unknown = await start(client).catch((thrown: unknown) => thrown)
    return error instanceof Error ? error.message : error
  }

  function start(client: Partial<ClientSettings>) {
    const provider = createProvider({
      serviceRoots: { [ROOTS['v1.2'].path]: { asid: ROOTS['v1.2'].asid, preset: 'v1.2' } },
      publicUrl: PUBLIC_URL,
      audit: { file: join(folder, 'audit.jsonl') },
      handlers: {},
    })
    return provider.start({
      port: 0,
      host: '127.0.0.1',
      certFile: pki.path('server.pem'),
      keyFile: pki.path('server.key'),
      client: { caFiles: pki.caFiles, crlFiles: pki.crlFiles, ...client },
    })
  }
})
