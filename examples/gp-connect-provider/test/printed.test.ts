/** The example, started and asked by the commands that its README prints, as printed. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { freePort } from '../../../packages/adapter-sdk/test/free-port.ts'
import { until } from '../../../packages/gp-connect-provider/test/cases/case.ts'
import { readRecords } from '../../../packages/gp-connect-provider/test/practice.ts'
import { readBlocks } from '../../../test/guide.ts'
import { follow } from '../../../test/started-program.ts'

const EXAMPLE = resolve(import.meta.dirname, '..')

describe('the README of the example of a GP Connect provider', () => {
  it('starts it with one command, and shows an accepted and two refused requests', async () => {
    const [start = '', requests = ''] = readBlocks(join(EXAMPLE, 'README.md'))
      .filter(({ language }) => language === 'sh')
      .map(({ text }) => text)
    const folder = mkdtempSync(join(tmpdir(), 'printed-provider-'))
    const AUDIT_FILE = join(folder, 'audit.jsonl')
    const { PATH, HOME } = process.env
    const options = { cwd: EXAMPLE, env: { PATH, HOME, PORT: String(await freePort()), AUDIT_FILE } }
    const child = spawn('sh', ['-c', start], { ...options, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    const closed = once(child, 'close')
    try {
      await follow(child).line(({ type }) => type === 'listening')

      const { stdout } = await promisify(execFile)(
        'bash',
        ['-c', `${requests}\ntrue # the last request is refused`],
        options,
      )

      expect(stdout.match(/^HTTP\/1\.1 \d+/gm)).to.deep.equal(['HTTP/1.1 200', 'HTTP/1.1 400'])
      await until(() => readRecords(AUDIT_FILE).length === 3)
      expect(readRecords(AUDIT_FILE).map(({ errorCode }) => errorCode)).to.deep.equal([
        ...[null, 'BAD_REQUEST', 'CERT_REVOKED'],
      ])
    } finally {
      process.kill(-(child.pid as number), 'SIGINT')
      await closed
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
