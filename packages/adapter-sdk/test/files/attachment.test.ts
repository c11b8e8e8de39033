import { createCipheriv, createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline, type Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect } from 'chai'
import { firstBytes, openAttachment } from '../../src/files/attachment.ts'
import type { CapturedFile } from '../../src/files/capture.ts'
import { folderStore } from '../../src/files/folder.ts'

// Recorded: what the platform's cipher makes of `hello world\n`, and of 16 bytes, which take a whole block of padding.
const SECRET = {
  encryption_key: 'lWy12VrwB1WARFTM03QtJKhq0yfD49heIWetnswXtZk=',
  encryption_iv: 'Jzg1K2vDxTzi5r2ZawVqww==',
}
const RECORDED = [
  ['06dcb6db9778e0201094f912e55784d6', 'hello world\n'],
  ['c88866e73c6c600b9713541c1a3ca0969b5032e6e21aad84ea1f7973b8196e9a', '0123456789abcdef'],
] as const

describe('a captured file', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'attachments-test-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  /** A file as a capture leaves it. */
  const keep = (ciphertext: Buffer): CapturedFile => {
    const id = randomUUID()
    writeFileSync(join(folder, id), ciphertext)
    const sha256 = createHash('sha256').update(ciphertext).digest('hex')
    return { id, bytes: ciphertext.byteLength, plaintextBytes: ciphertext.byteLength - 1, sha256 }
  }
  const keepEncrypted = (plaintext: Buffer): CapturedFile => {
    const [key, iv] = [SECRET.encryption_key, SECRET.encryption_iv].map((text) => Buffer.from(text, 'base64'))
    const cipher = createCipheriv('aes-256-cbc', key ?? '', iv ?? '')
    return keep(Buffer.concat([cipher.update(plaintext), cipher.final()]))
  }
  const damage = (file: CapturedFile, how: (ciphertext: Buffer) => Buffer) =>
    writeFileSync(join(folder, file.id), how(readFileSync(join(folder, file.id))))
  const openFile = (file: CapturedFile) => openAttachment(folderStore(folder), file, SECRET)

  for (const [ciphertext, plaintext] of RECORDED)
    it(`of ${plaintext.length} bytes, encrypted by the platform, is read in clear`, async () => {
      expect(String(await buffer(openFile(keep(Buffer.from(ciphertext, 'hex')))))).to.equal(plaintext)
    })

  for (const bytes of [1, 15, 16, 65_519, 65_520, 65_536, 131_071, 131_072, 1_000_000])
    it(`of ${bytes} bytes is read as it was sent`, async () => {
      const plaintext = randomBytes(bytes)

      expect((await buffer(openFile(keepEncrypted(plaintext)))).equals(plaintext)).to.equal(true)
    })

  for (const [what, how] of [
    ['with a bit that changed', (ciphertext: Buffer) => flipped(ciphertext, 20)],
    ['with a last bit that changed', (ciphertext: Buffer) => flipped(ciphertext, -1)],
    ['that was cut at a block', (ciphertext: Buffer) => ciphertext.subarray(0, -16)],
    ['that was cut within a block', (ciphertext: Buffer) => ciphertext.subarray(0, -3)],
    ['that grew', (ciphertext: Buffer) => Buffer.concat([ciphertext, ciphertext])],
    ['that is empty', () => Buffer.alloc(0)],
    ['that is another', (ciphertext: Buffer) => randomBytes(ciphertext.byteLength)],
  ] as const) {
    it(`${what}, of up to 64 KiB, gives no byte`, async () => {
      const file = keepEncrypted(randomBytes(30_000))
      damage(file, how)

      expect(await received(openFile(file))).to.deep.equal({ bytes: 0, code: 'ERR_ATTACHMENT_CORRUPT' })
      expect(await codeOf(firstBytes(openFile(file)))).to.equal('ERR_ATTACHMENT_CORRUPT')
    })

    it(`${what}, of more, breaks off before its end`, async () => {
      const file = keepEncrypted(randomBytes(1_000_000))
      damage(file, how)

      const { bytes, code } = await received(openFile(file))

      expect(code).to.equal('ERR_ATTACHMENT_CORRUPT')
      expect(bytes).to.satisfy((bytes: number) => bytes < 1_000_000 || what === 'that grew')
    })
  }

  it('that is damaged never looks complete over HTTP', async () => {
    const file = keepEncrypted(randomBytes(1_000_000))
    damage(file, (ciphertext) => flipped(ciphertext, 500_000))
    // Of the same length as the right one, and of no length: neither may end well.
    for (const headers of [{ 'Content-Length': 1_000_000 }, {}]) {
      const server = createServer((_request, response) => {
        response.writeHead(200, headers)
        pipeline(openFile(file), response, () => {})
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

      const answer = await new Promise<IncomingMessage>((resolve, reject) =>
        get({ port: (server.address() as AddressInfo).port, agent: false }, resolve).on('error', reject),
      )
      expect(await codeOf(buffer(answer))).to.equal('ECONNRESET')
      expect(answer.complete).to.equal(false)
      server.close()
    }
  })

  it('that was swept is not found, before an answer has begun', async () => {
    const file = { ...keepEncrypted(randomBytes(100)), id: randomUUID() }

    expect(await codeOf(firstBytes(openFile(file)))).to.equal('ERR_ATTACHMENT_NOT_FOUND')
  })

  it('loses nothing to who waits for the first bytes', async () => {
    for (const bytes of [0, 1, 200_000, 1_000_000]) {
      const plaintext = randomBytes(bytes)
      const file = await firstBytes(openFile(keepEncrypted(plaintext)))
      expect((await buffer(file)).equals(plaintext)).to.equal(true)
    }
  })

  it('is not read with another key', async () => {
    const file = keep(Buffer.from(RECORDED[0][0], 'hex'))
    const encryption_key = Buffer.alloc(32).toString('base64')

    const code = await codeOf(buffer(openAttachment(folderStore(folder), file, { ...SECRET, encryption_key })))

    expect(code).to.equal('ERR_ATTACHMENT_CORRUPT')
  })

  it('is not opened with a key of another length', () => {
    const file = keep(Buffer.from(RECORDED[0][0], 'hex'))
    const secret = { ...SECRET, encryption_key: 'AAAA' }

    expect(() => openAttachment(folderStore(folder), file, secret))
      .to.throw()
      .with.property('code', 'ERR_ATTACHMENT_KEY_INVALID')
  })

  it('ends no process when it fails and nobody listens', async () => {
    const file = { ...keepEncrypted(randomBytes(100)), id: randomUUID() }

    const unread = openFile(file)

    await new Promise((resolve) => unread.on('close', resolve).resume())
    expect(unread.errored).to.have.property('code', 'ERR_ATTACHMENT_NOT_FOUND')
  })

  it('is closed when its reader leaves', async () => {
    let closed = false
    const file = keepEncrypted(randomBytes(1_000_000))
    const store = folderStore(folder)
    const watched = {
      ...store,
      async *read(id: string) {
        try {
          yield* store.read(id)
        } finally {
          closed = true
        }
      },
    }

    const opened = await firstBytes(openAttachment(watched, file, SECRET))
    opened.destroy()

    while (!closed) await new Promise(setImmediate)
    expect(opened.destroyed).to.equal(true)
  })
})

function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes)
  const i = at < 0 ? bytes.byteLength + at : at
  changed[i] = (changed[i] ?? 0) ^ 1
  return changed
}

async function received(file: Readable): Promise<{ bytes: number; code: unknown }> {
  let bytes = 0
  const code = await codeOf(
    (async () => {
      for await (const chunk of file) bytes += chunk.byteLength
    })(),
  )
  return { bytes, code }
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => 'no error',
    (error: { code?: unknown }) => error.code,
  )
}
