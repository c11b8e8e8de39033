/** The published test vectors, held against the SDK and against libraries that know nothing of it. */
import { createDecipheriv } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { createAdapter } from '@formbuilder/adapter-sdk'
import {
  answerChallenge,
  createAttachmentDecipher,
  createHexDecoder,
  decryptCompact,
  parseChallenge,
  parseKeyring,
  parseSubmission,
  submissionJsonSchema,
  verifyAnswer,
} from '@formbuilder/adapter-sdk/protocol'
import { startTestAdapter } from '@formbuilder/adapter-sdk/testing'
import { expect } from 'chai'
import { compactDecrypt } from 'jose'

describe('the published vectors', () => {
  it('hold the one definition of a submission', () => {
    expect(read('submission.schema')).to.deep.equal(submissionJsonSchema)
  })

  describe('of JWEs', () => {
    const { accepted, refused } = read<{ accepted: Jwe[]; refused: (Jwe & Refused)[] }>('jwe')

    for (const { name, key, jwe, plaintext } of accepted) {
      it(`are decrypted: ${name}`, async () => {
        const byJose = await compactDecrypt(jwe, Buffer.from(key, 'latin1'))
        const byUs = await decryptCompact(jwe, parseKeyring(key))

        expect(text(byJose.plaintext)).to.equal(plaintext)
        expect(text(byUs.plaintext)).to.equal(plaintext)
      })
    }
    for (const { name, key, jwe, code } of refused) {
      it(`are refused: ${name}`, async () => {
        expect(await codeOf(() => decryptCompact(jwe, parseKeyring(key)))).to.equal(code)
        // What any library must refuse; the others are well-formed, and refused by our rules.
        if (code === 'ERR_JWE_DECRYPTION_FAILED') {
          expect(await codeOf(() => compactDecrypt(jwe, Buffer.from(key, 'latin1')))).not.to.equal(undefined)
        }
      })
    }
  })

  describe('of submissions', () => {
    const { accepted, refused } = read<{ accepted: Text[]; refused: (Text & Refused)[] }>('submissions')

    for (const { name, plaintext } of accepted) {
      it(`are read: ${name}`, () => {
        const sent = JSON.parse(plaintext)
        const submission = parseSubmission(Buffer.from(plaintext))

        expect(submission).to.deep.include({ submissionId: sent.submissionId, serviceSlug: sent.serviceSlug })
        expect(submission.submissionAnswers).to.deep.equal(sent.submissionAnswers)
        expect(submission.attachments).to.deep.equal(sent.attachments ?? [])
      })
    }
    for (const { name, plaintext, code } of refused) {
      it(`are refused: ${name}`, async () => {
        expect(await codeOf(async () => parseSubmission(Buffer.from(plaintext)))).to.equal(code)
      })
    }
  })

  describe('of files', () => {
    const { accepted, refused } = read<{ accepted: File[]; refused: (File & Refused)[] }>('attachments')
    const open = (file: File) =>
      buffer(
        Readable.from([Buffer.from(file.stored)])
          .compose(createHexDecoder())
          .compose(createAttachmentDecipher(file)),
      )

    for (const file of accepted) {
      it(`are decrypted: ${file.name}`, async () => {
        const [key, iv] = [Buffer.from(file.encryption_key, 'base64'), Buffer.from(file.encryption_iv, 'base64')]
        const decipher = createDecipheriv('aes-256-cbc', key, iv)
        const byNode = Buffer.concat([decipher.update(file.stored, 'hex'), decipher.final()])

        expect(byNode.toString('base64')).to.equal(file.content)
        expect((await open(file)).toString('base64')).to.equal(file.content)
      })
    }
    for (const file of refused) {
      it(`are refused: ${file.name}`, async () => {
        expect(await codeOf(() => open(file))).to.equal(file.code)
      })
    }
  })

  it('of requests are answered by an adapter as they say', async () => {
    const { key, requests } = read<{ key: string; requests: Exchange[] }>('requests')
    const forms = { complaint: { path: '/v2/complaint', handle: async () => undefined } }
    await using adapter = await startTestAdapter(createAdapter({ forms }), { environment: { JWE_SHARED_KEY: key } })
    const target = {
      host: '127.0.0.1',
      servername: 'localhost',
      port: adapter.running.port,
      ca: adapter.certificate.cert,
    }

    const statuses: [string, number][] = []
    for (const { name, method, path, headers, body } of requests) {
      const status = await new Promise<number>((resolve, reject) => {
        const sent = request(
          { ...target, method, path, headers: Object.fromEntries(headers), agent: false },
          (answer) => {
            answer.resume()
            resolve(answer.statusCode ?? 0)
          },
        )
        sent.on('error', reject)
        sent.end(body)
      })
      statuses.push([name, status])
    }

    expect(statuses).to.deep.equal(requests.map(({ name, status }) => [name, status]))
  })

  describe('of proofs', () => {
    for (const { name, key, challenge, answer } of read<{ proofs: Proof[] }>('challenges').proofs) {
      it(`are read by both sides: ${name}`, async () => {
        const keyring = parseKeyring(key)
        const [first] = keyring.keys
        const asked = parseChallenge((await decryptCompact(challenge.jwe, keyring)).plaintext)
        const byJose = await compactDecrypt(answer.jwe, Buffer.from(answer.derivedKeyBase64, 'base64'))

        expect(text(byJose.plaintext)).to.equal(answer.plaintext)
        if (asked === undefined || first === undefined) return expect.fail('no challenge')
        expect({ challenge: asked }).to.deep.equal(JSON.parse(challenge.plaintext))
        const { nonce: _, ...proof } = JSON.parse(answer.plaintext).answer
        expect(await verifyAnswer(answer.jwe, asked, first)).to.deep.equal(proof)
        const now = new Date(asked.issuedAt)
        const ours = await answerChallenge(asked, first, { ...proof, path: '/v2/complaint', now })
        const oursRead = await compactDecrypt(ours, Buffer.from(answer.derivedKeyBase64, 'base64'))
        expect(text(oursRead.plaintext)).to.equal(answer.plaintext)
      })
    }
  })
})

interface Refused {
  readonly code: string
}
interface Text {
  readonly name: string
  readonly plaintext: string
}
interface Jwe extends Text {
  readonly key: string
  readonly jwe: string
}
interface File {
  readonly name: string
  readonly encryption_key: string
  readonly encryption_iv: string
  readonly stored: string
  readonly content: string
}
interface Exchange {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly headers: readonly [string, string][]
  readonly body: string
  readonly status: number
}
interface Proof {
  readonly name: string
  readonly key: string
  readonly challenge: { readonly plaintext: string; readonly jwe: string }
  readonly answer: { readonly derivedKeyBase64: string; readonly plaintext: string; readonly jwe: string }
}

function read<T = unknown>(name: string): T {
  return JSON.parse(readFileSync(join(import.meta.dirname, `../docs/vectors/${name}.json`), 'utf8'))
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}

async function codeOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work()
    return undefined
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}
