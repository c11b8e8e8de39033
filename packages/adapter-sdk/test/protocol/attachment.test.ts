import { createDecipheriv } from 'node:crypto'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import {
  type AttachmentSecret,
  attachmentKey,
  createAttachmentCipher,
  createAttachmentDecipher,
  createHexDecoder,
  encryptAttachment,
} from '../../src/protocol/index.ts'
import { complaint, outcome } from './outcome.ts'
import { attachments } from './vectors.ts'

const SECRET: AttachmentSecret = {
  encryption_key: 'lWy12VrwB1WARFTM03QtJKhq0yfD49heIWetnswXtZk=',
  encryption_iv: 'Jzg1K2vDxTzi5r2ZawVqww==',
}

describe('a stored file', () => {
  for (const [name, expected] of [
    ['text', 'aGVsbG8gd29ybGQK'],
    ['exact-block', 'MDEyMzQ1Njc4OWFiY2RlZg=='],
  ] as const)
    it(`recorded as ${name} is decrypted to the file`, async () => {
      const recorded = attachments.find((one) => one.name === name)

      const file = await decrypt(stored(recorded), recorded?.attachment ?? SECRET)

      expect(file.toString('base64')).to.equal(expected)
    })

  for (const [name, expected] of [
    ['storage-403', 'ERR_ATTACHMENT_NOT_HEX'],
    ['truncated', 'ERR_ATTACHMENT_NOT_HEX'],
  ] as const)
    it(`recorded as ${name} is ${expected}`, async () => {
      const recorded = attachments.find((one) => one.name === name)

      expect(await outcome(() => decrypt(stored(recorded), recorded?.attachment ?? SECRET))).to.equal(expected)
    })

  for (const size of [0, 1, 15, 16, 17, 4096, 200_001])
    it(`of ${size} bytes comes back from what the sender stores`, async () => {
      const file = Buffer.alloc(size, 'citizen')

      const { hexText, ...secret } = encryptAttachment(file)

      expect(await decrypt(Buffer.from(hexText), secret)).to.deep.equal(file)
    })

  it('is stored as the lower-case hexadecimal text of AES-256-CBC with PKCS#7', () => {
    const { hexText, encryption_key, encryption_iv } = encryptAttachment(Buffer.from('hello world\n'))

    const decipher = createDecipheriv(
      'aes-256-cbc',
      Buffer.from(encryption_key, 'base64'),
      Buffer.from(encryption_iv, 'base64'),
    )
    expect(decipher.update(hexText, 'hex', 'utf8') + decipher.final('utf8')).to.equal('hello world\n')
    expect(hexText).to.match(/^[0-9a-f]{32}$/)
    expect([encryption_key.length, encryption_iv.length]).to.deep.equal([44, 24])
  })

  it('has a new key and a new IV each time', () => {
    const secrets = Array.from({ length: 50 }, () => encryptAttachment(Buffer.from('same')))

    expect(new Set(secrets.map((one) => one.encryption_key)).size).to.equal(50)
    expect(new Set(secrets.map((one) => one.encryption_iv)).size).to.equal(50)
    expect(new Set(secrets.map((one) => one.hexText)).size).to.equal(50)
  })

  it('may be encrypted as a stream', async () => {
    const file = Buffer.alloc(300_000, 'citizen')
    const { stream, ...secret } = createAttachmentCipher()

    const hexText = await collect(chunked(file, 1000), stream)

    expect(hexText.toString()).to.match(/^[0-9a-f]+$/)
    expect(await decrypt(hexText, secret)).to.deep.equal(file)
  })

  for (const [what, change] of [
    ['its last block missing', (bytes: Buffer) => bytes.subarray(0, -16)],
    ['half a block missing', (bytes: Buffer) => bytes.subarray(0, -8)],
    [
      'its last block changed',
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.of((bytes.at(-1) ?? 0) ^ 1)]),
    ],
    ['nothing in it', () => Buffer.alloc(0)],
  ] as const)
    it(`is corrupt with ${what}`, async () => {
      const ciphertext = change(Buffer.from('c88866e73c6c600b9713541c1a3ca0969b5032e6e21aad84ea1f7973b8196e9a', 'hex'))

      expect(await outcome(() => collect([ciphertext], createAttachmentDecipher(SECRET)))).to.equal(
        'ERR_ATTACHMENT_CORRUPT',
      )
    })

  it('is corrupt under another key', async () => {
    const { hexText } = encryptAttachment(Buffer.from('hello world'))
    const ciphertext = Buffer.from(hexText, 'hex')

    // One wrong key in 256 yields padding that looks right: CBC has no integrity.
    const outcomes = new Set<string>()
    for (let i = 0; i < 5; i++)
      outcomes.add(await outcome(() => collect([ciphertext], createAttachmentDecipher(encryptAttachment(ciphertext)))))

    expect(outcomes).to.include('ERR_ATTACHMENT_CORRUPT')
  })
})

describe('the key of a file', () => {
  it('is its 32 and 16 bytes', () => {
    const { key, iv } = attachmentKey(SECRET)

    expect(key.toString('hex')).to.equal('956cb5d95af00755804454ccd3742d24a86ad327c3e3d85e2167ad9ecc17b599')
    expect(iv.toString('hex')).to.equal('2738352b6bc3c53ce2e6bd996b056ac3')
  })

  for (const [change, problem] of [
    [{ encryption_key: '' }, 'encryption_key is 0 bytes long, not 32'],
    [{ encryption_key: SECRET.encryption_iv }, 'encryption_key is 16 bytes long, not 32'],
    [{ encryption_iv: SECRET.encryption_key }, 'encryption_iv is 32 bytes long, not 16'],
    [{ encryption_key: SECRET.encryption_key.slice(0, -1) }, 'encryption_key is not base64'],
    [{ encryption_key: ` ${SECRET.encryption_key}` }, 'encryption_key is not base64'],
    [{ encryption_key: `${SECRET.encryption_key}\n` }, 'encryption_key is not base64'],
    [{ encryption_key: SECRET.encryption_key.replace('Zk=', 'Zl=') }, 'encryption_key is not base64'],
    [{ encryption_iv: 'Jzg1K2vDxTzi5r2ZawVq-w==' }, 'encryption_iv is not base64'],
    [{ encryption_iv: 'no base64 at all!' }, 'encryption_iv is not base64'],
  ] as const)
    it(`is refused: ${problem} (${JSON.stringify(change)})`, async () => {
      const secret = { ...SECRET, ...change }

      expect(await outcome(() => attachmentKey(secret))).to.equal('ERR_ATTACHMENT_KEY_INVALID')
      expect(await complaint(() => createAttachmentDecipher(secret))).to.equal(problem)
    })
})

describe('hexadecimal text', () => {
  it('is decoded however it is cut into chunks, in either case', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 16, maxLength: 320 }).map((bytes) => bytes.subarray(0, bytes.length & ~15)),
        fc.integer({ min: 1, max: 70 }),
        fc.boolean(),
        async (bytes, chunkLength, upperCase) => {
          const lower = Buffer.from(bytes).toString('hex')
          const text = upperCase ? lower.toUpperCase() : lower

          expect(await collect(chunked(Buffer.from(text), chunkLength), createHexDecoder())).to.deep.equal(
            Buffer.from(bytes),
          )
        },
      ),
      { numRuns: 300 },
    )
  })

  const block = '00112233445566778899aAbBcCdDeEfF'
  for (const [text, what] of [
    ['', 'nothing'],
    ['00', 'a byte'],
    [block.slice(1), 'an odd number of digits'],
    [`${block}00`, 'a block and a byte'],
    [`${block}0`, 'a block and a digit'],
    [`${block}\n`, 'a line break at the end'],
    [`\n${block}`, 'a line break at the start'],
    [`${block.slice(0, 16)} ${block.slice(16)}`, 'a space inside'],
    [`0x${block.slice(2)}`, 'a prefix'],
    [`${block.slice(0, 30)}zz`, 'a letter that is no digit'],
    [`${block.slice(0, 31)}g`, 'a last letter that is no digit'],
    [`${block.slice(0, 30)}\u0000\u0000`, 'null characters'],
    [`${block.slice(0, 30)}é`, 'a letter that is not ASCII'],
    [`<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`, 'an answer in XML'],
    ['BtyyIXeOAgEJT5EuVXhNYw==', 'base64'],
  ] as const)
    for (const chunkLength of [1, 7, 1000])
      it(`is refused: ${what}, in chunks of ${chunkLength}`, async () => {
        const run = () => collect(chunked(Buffer.from(text), chunkLength), createHexDecoder())

        expect(await outcome(run)).to.equal('ERR_ATTACHMENT_NOT_HEX')
      })

  it('is refused at the first wrong chunk, not at the end', async () => {
    let taken = 0
    const long = Readable.from(
      (function* () {
        while (taken < 10_000) {
          taken++
          yield taken < 3 ? Buffer.from(block) : Buffer.from('<html>')
        }
      })(),
      { objectMode: false },
    )

    expect(await outcome(() => pipeline(long, createHexDecoder(), drain))).to.equal('ERR_ATTACHMENT_NOT_HEX')
    expect(taken).to.be.below(100)
  })

  it('is never quoted in a refusal', async () => {
    expect(await complaint(() => collect([Buffer.from('SECRET')], createHexDecoder()))).not.to.contain('SECRET')
  })
})

function stored(recorded: { storedBase64: string } | undefined): Buffer {
  return Buffer.from(recorded?.storedBase64 ?? '', 'base64')
}

async function decrypt(hexText: Buffer, secret: AttachmentSecret): Promise<Buffer> {
  return collect(chunked(hexText, 65_537), createHexDecoder(), createAttachmentDecipher(secret))
}

function* chunked(bytes: Buffer, length: number): Generator<Buffer> {
  for (let at = 0; at < bytes.byteLength; at += length) yield bytes.subarray(at, at + length)
}

async function collect(chunks: Iterable<Buffer>, ...through: NodeJS.ReadWriteStream[]): Promise<Buffer> {
  const collected: Buffer[] = []
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      collected.push(chunk)
      done()
    },
  })
  await pipeline([Readable.from(chunks, { objectMode: false }), ...through, sink])
  return Buffer.concat(collected)
}

async function drain(source: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of source);
}
