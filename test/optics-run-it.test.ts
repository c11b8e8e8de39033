/** The Optics adapter as its README starts it, without a certificate: the submitter sends to it, with a file. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { keptCertificate } from '@formbuilder/adapter-sdk/file-server'
import { expect } from 'chai'
import { freePort } from '../packages/adapter-sdk/test/free-port.ts'
import { until } from '../packages/adapter-sdk/test/until.ts'

const PACKAGES = resolve(import.meta.dirname, '../packages')
const CREDENTIALS = { OPTICS_API_KEY: 'some-key', OPTICS_SECRET_KEY: 'some-secret', COMMENT_TYPE: '1801265' }

describe('the Optics adapter as its README starts it', () => {
  const running: ChildProcess[] = []
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'run-it-'))
  })
  after(async () => {
    for (const child of running) if (child.kill()) await once(child, 'exit')
    rmSync(folder, { recursive: true, force: true })
  })

  it('gets a submission by http to this machine, and its file', async () => {
    const [port, opticsPort, filePort] = [await freePort(), await freePort(), await freePort()]
    const { certFile } = await keptCertificate(folder)
    start('optics-adapter/bin/optics-stand-in.cjs', { PORT: String(opticsPort) })
    start('optics-adapter/bin/optics-adapter.cjs', {
      ...{ OPTICS_ENDPOINT: `http://127.0.0.1:${opticsPort}`, HOST: `localhost:${port}`, PORT: String(port) },
      ...{ TRUST_PROXY: '127.0.0.1,::1', DATA_DIR: join(folder, 'data'), JWE_SHARED_KEY: '5d6dc7fc083ea4f0' },
      ...{ ATTACHMENT_HOSTS: `localhost:${filePort}`, NODE_EXTRA_CA_CERTS: certFile },
    })
    await until(() => isReady(port))
    const [{ submission }] = JSON.parse(
      readFileSync(join(PACKAGES, 'optics-adapter/test/fixtures/complaint-v2.json'), 'utf8'),
    )
    writeFileSync(join(folder, 'submission.json'), JSON.stringify({ ...submission, attachments: [] }))
    writeFileSync(join(folder, 'key.txt'), '5d6dc7fc083ea4f0', { mode: 0o600 })
    writeFileSync(join(folder, 'photo.jpg'), 'a photo')

    const { stdout, stderr } = await promisify(execFile)(process.execPath, [
      join(PACKAGES, 'submitter/bin/submitter.cjs'),
      ...['send', '--endpoint', `http://127.0.0.1:${port}/v2/complaint`, '--allow-local'],
      ...['--key-file', join(folder, 'key.txt'), '--file', join(folder, 'photo.jpg')],
      ...['--file-port', String(filePort), '--certificate-folder', folder, join(folder, 'submission.json')],
    ])

    expect(stdout).to.match(/^accepted: the receiver has it \(201\)/)
    expect(stderr).to.contain('the receiver has fetched 1 file\n')
  })

  function start(program: string, environment: Readonly<Record<string, string>>): void {
    const env = { PATH: process.env['PATH'], LISTEN_HOST: '127.0.0.1', ...CREDENTIALS, ...environment }
    running.push(spawn(process.execPath, [join(PACKAGES, program)], { env, stdio: 'ignore' }))
  }
})

async function isReady(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    get(`http://127.0.0.1:${port}/readiness`, { agent: false }, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200)
    }).on('error', () => resolve(false))
  })
}
