import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { on } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream'
import { expect } from 'chai'
import { attachmentTables } from '../../src/files/table.ts'
import { createAttachmentCipher } from '../../src/protocol/attachment.ts'
import type { AttachmentLink } from '../../src/protocol/submission.ts'
import { sharedPostgres } from '../shared-postgres.ts'
import { FileHost } from './server.ts'

const MEGABYTE = 1_048_576

describe('memory', function () {
  this.timeout(180_000)
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'attachments-test-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  for (const [kind, openPlace] of [
    ['folder', async () => join(folder, 'files')],
    ['table', emptyTable],
  ] as const)
    it(`does not grow with a file that is captured into a ${kind} and read again`, async () => {
      await using host = await FileHost.start(serve)
      const ciphers = [4, 72].map((megabytes) => ({ megabytes, ...createAttachmentCipher() }))
      const child = fork(new URL('reader.ts', import.meta.url), [kind, await openPlace()], {
        // No environment may lead the reader elsewhere.
        env: {
          ...process.env,
          NODE_USE_ENV_PROXY: '1',
          HTTPS_PROXY: 'http://127.0.0.1:1',
          https_proxy: 'http://127.0.0.1:1',
        },
      })
      const links = ciphers.map(({ megabytes, encryption_key, encryption_iv }): AttachmentLink => {
        const url = `https://localhost:${host.port}/${megabytes}`
        return { url, encryption_key, encryption_iv, filename: null, mimetype: null }
      })
      child.send({ links, certificate: host.certificate })

      const results: Measured[] = []
      for await (const [measured] of on(child, 'message', { close: ['exit'] })) results.push(measured)

      expect(results.map(({ sha256 }) => sha256)).to.deep.equal([zeros(4), zeros(72)])
      expect(results[1]?.captureBytes).to.be.lessThan(64 * MEGABYTE)
      expect(results[1]?.readBytes).to.be.lessThan(64 * MEGABYTE)

      function serve(request: { url?: string | undefined }, response: NodeJS.WritableStream): void {
        const found = ciphers.find(({ megabytes }) => request.url === `/${megabytes}`)
        if (found === undefined) return void response.end()
        pipeline(megabytesOfZeros(found.megabytes), found.stream, response, () => {})
      }
    })
})

interface Measured {
  readonly captureBytes: number
  readonly readBytes: number
  readonly sha256: string
}

async function emptyTable(): Promise<string> {
  const server = await sharedPostgres()
  const url = await server.database()
  await server.query(attachmentTables('files'), url)
  return url
}

function* megabytesOfZeros(megabytes: number): Generator<Buffer> {
  for (let i = 0; i < megabytes * 16; i += 1) yield Buffer.alloc(65_536)
}

function zeros(megabytes: number): string {
  const sha256 = createHash('sha256')
  for (const chunk of megabytesOfZeros(megabytes)) sha256.update(chunk)
  return sha256.digest('hex')
}
