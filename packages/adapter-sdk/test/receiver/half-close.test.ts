import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { encryptCompact } from '../../src/protocol/jwe.ts'
import { type Key, parseKeyring } from '../../src/protocol/keyring.ts'
import { startProgram } from '../adapter-program.ts'

describe('a sender that closes its sending side after a submission', () => {
  it('hears that it was stored, and a part of one is refused', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'half-close-'))
    const program = startProgram({ environment: { DATA_DIR: folder, JWE_SHARED_KEY: KEY } })
    const port = await program.listening
    const payload = { serviceSlug: 'test-form', submissionId: 'one', submissionAnswers: {}, attachments: [] }
    const jwe = await encryptCompact(JSON.stringify(payload), parseKeyring(KEY).keys[0] as Key)
    const post = async (body: string) => {
      const socket = connect(port, '127.0.0.1')
      socket.end(
        `POST /v2/complaint HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\nContent-Length: ${jwe.length}\r\n\r\n${body}`,
      )
      return (await text(socket)).slice(0, 12)
    }

    const answers = [await post(jwe), await post(jwe), await post(jwe.slice(0, -1))]

    await program.kill()
    rmSync(folder, { recursive: true })
    expect(answers).to.deep.equal(['HTTP/1.1 201', 'HTTP/1.1 200', 'HTTP/1.1 400'])
  })
})

const KEY = 'k7Wq2mZx9LtR4vBn'
