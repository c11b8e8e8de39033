/** Decrypt and parse, by the size of the submission: the path of this project, `jose`, and bare `node:crypto`. */
import { createDecipheriv } from 'node:crypto'
import { decryptCompact, encryptCompact, parseSubmission } from '@formbuilder/adapter-sdk/protocol'
import { compactDecrypt } from 'jose'
import { complaint, type Lab } from './lab.ts'
import type { Measure } from './report.ts'

const ROUNDS = 7
const SIZES = [1, 3, 30, 300, 1000]

export async function crypto(lab: Lab): Promise<Measure[]> {
  const measures: Measure[] = []
  for (const kilobytes of SIZES) {
    const words = 'x'.repeat(kilobytes * 1000)
    const jwe = await encryptCompact(
      JSON.stringify({ ...complaint('72c49803-e9c3-42ac-bde1-09c04595a2d3'), submissionAnswers: { words } }),
      lab.key,
    )
    const keyring = { keys: [lab.key] }
    const subjects: Record<string, () => unknown> = {
      'node:crypto and JSON.parse': () => bare(jwe, lab),
      'this project: decrypt and parse strictly': async () =>
        parseSubmission((await decryptCompact(jwe, keyring)).plaintext),
      'this project: decrypt': () => decryptCompact(jwe, keyring),
      jose: () => compactDecrypt(jwe, lab.key.bytes),
    }
    const times = Math.max(20, Math.round(3000 / kilobytes))
    const rounds: Record<string, number[]> = {}
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [name, work] of Object.entries(subjects)) {
        const began = performance.now()
        for (let n = 0; n < times; n++) await work()
        // The first round warms up.
        if (round > 0) rounds[name] = [...(rounds[name] ?? []), ((performance.now() - began) / times) * 1000]
      }
    }
    for (const [name, each] of Object.entries(rounds)) {
      const floor = `${kilobytes} KB: node:crypto and JSON.parse`
      const subject = `${kilobytes} KB: ${name}`
      measures.push({ subject, unit: 'µs', rounds: each, ...(subject !== floor && { against: floor }) })
    }
  }
  return measures
}

function bare(jwe: string, lab: Lab): unknown {
  const [header = '', , iv = '', ciphertext = '', tag = ''] = jwe.split('.')
  const decipher = createDecipheriv('aes-128-gcm', lab.key.keyObject, Buffer.from(iv, 'base64url'))
  decipher.setAAD(Buffer.from(header)).setAuthTag(Buffer.from(tag, 'base64url'))
  const plaintext = Buffer.concat([decipher.update(Buffer.from(ciphertext, 'base64url')), decipher.final()])
  return JSON.parse(plaintext.toString())
}
