/** `submitter verify`, as it is typed, against an adapter over HTTPS. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { createAdapter } from '@formbuilder/adapter-sdk'
import { generateKey } from '@formbuilder/adapter-sdk/protocol'
import { startTestAdapter, type TestAdapter } from '@formbuilder/adapter-sdk/testing'
import { expect } from 'chai'

const SUBMITTER = resolve(import.meta.dirname, '../packages/submitter/bin/submitter.cjs')

describe('proof of endpoint', () => {
  const key = generateKey(16)
  let folder: string
  let adapter: TestAdapter

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'proof-'))
    const forms = { complaint: { path: '/v2/complaint', handle: async () => undefined } }
    adapter = await startTestAdapter(createAdapter({ version: '1.4.2', forms }), {
      environment: { JWE_SHARED_KEY: key },
    })
    writeFileSync(join(folder, 'ca.pem'), adapter.certificate.cert)
    writeFileSync(join(folder, 'key'), key, { mode: 0o600 })
    writeFileSync(join(folder, 'other-key'), generateKey(16), { mode: 0o600 })
  })
  after(async () => {
    await adapter.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  async function verify(path: string, keyFile: string) {
    const local = ['--allow-local', '--ca-file', join(folder, 'ca.pem'), '--json']
    const target = ['--endpoint', `${adapter.url}${path}`, '--key-file', join(folder, keyFile)]
    const child = spawn(process.execPath, [SUBMITTER, 'verify', ...target, ...local], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const [told, exitCode] = await Promise.all([
      text(child.stdout),
      new Promise<number | null>((ended) => child.once('exit', ended)),
    ])
    return { exitCode, ...JSON.parse(told) }
  }

  it('names the form and the adapter that hold the key; nothing is stored', async () => {
    const proof = await verify('/v2/complaint', 'key')

    expect(proof).to.deep.equal({
      exitCode: 0,
      outcome: 'proven',
      form: 'complaint',
      version: '1.4.2',
      origin: null,
    })
    expect(await adapter.running.ledger.list()).to.have.length(0)
    expect(adapter.handled).to.have.length(0)
  })

  it('is not given by an adapter with another key, and says so', async () => {
    const { exitCode, code, message } = await verify('/v2/complaint', 'other-key')

    expect([exitCode, code]).to.deep.equal([8, 'ERR_ENDPOINT_UNPROVEN'])
    expect(message).to.match(/it does not have this key$/)
  })

  it('is not given at a path of no form, and says so', async () => {
    const { exitCode, code, message } = await verify('/v2/complaints', 'key')

    expect([exitCode, code]).to.deep.equal([8, 'ERR_ENDPOINT_UNPROVEN'])
    expect(message).to.match(/it has no form at this path$/)
  })
})
