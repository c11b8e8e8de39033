import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { freePort } from '../../adapter-sdk/test/free-port.ts'
import { httpClient, ready, spawnAdapter } from './adapter-process.ts'

describe('a process that only accepts submissions', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'web-role-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  const environment = (role: string, port: number) => ({
    ADAPTER_ROLE: role,
    PORT: String(port),
    DATA_DIR: folder,
    HOST: 'adapter.example.gov.uk',
    TRUST_PROXY: '127.0.0.0/8',
    JWE_SHARED_KEY: 'k7Wq2mZx9LtR4vBn',
  })

  it('starts without the keys of Optics and is ready', async () => {
    const port = await freePort()
    await using web = spawnAdapter(environment('web', port))

    await ready(web, httpClient(`http://127.0.0.1:${port}`, undefined))

    expect(web.child.exitCode).to.equal(null)
  })

  it('is the only one that does: a worker names both keys and exits', async () => {
    await using worker = spawnAdapter(environment('worker', await freePort()))

    const { output, exitCode } = await worker.exited

    expect(exitCode).not.to.equal(0)
    expect(output).to.contain('OPTICS_API_KEY is missing').and.contain('OPTICS_SECRET_KEY is missing')
  })
})
