/**
 * Floors: what cannot be avoided. A bare `node:https` server that decrypts with `node:crypto` and parses.
 * BENCH_DURABLE=1: and appends to a file, with one fdatasync for all requests that wait (the price of durability).
 */
import { createDecipheriv, createSecretKey } from 'node:crypto'
import { fdatasync, openSync, readFileSync, write } from 'node:fs'
import { createServer } from 'node:https'
import { promisify } from 'node:util'

const key = createSecretKey(Buffer.from(process.env['JWE_SHARED_KEY'] ?? '', 'latin1'))
const [writeAll, sync] = [promisify(write), promisify(fdatasync)]
const file = process.env['BENCH_DURABLE'] === '1' ? openSync(`${process.env['DATA_DIR']}/journal`, 'a') : undefined

const server = createServer(
  {
    cert: readFileSync(process.env['TLS_CERT_FILE'] ?? ''),
    key: readFileSync(process.env['TLS_KEY_FILE'] ?? ''),
  },
  (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      const { submissionId } = JSON.parse(decrypt(body.toString('latin1')))
      const answer = `{"submissionId":"${submissionId}","status":"accepted"}`
      const send = () => {
        response.writeHead(201, { 'Content-Type': 'application/json', 'Content-Length': answer.length })
        response.end(answer)
      }
      if (file === undefined) send()
      else void append(body).then(send)
    })
  },
)
server.listen(Number(process.env['PORT']), '127.0.0.1', () => process.send?.('ready'))

function decrypt(jwe: string): string {
  const [header = '', , iv = '', ciphertext = '', tag = ''] = jwe.split('.')
  const decipher = createDecipheriv('aes-128-gcm', key, Buffer.from(iv, 'base64url'))
  decipher.setAAD(Buffer.from(header)).setAuthTag(Buffer.from(tag, 'base64url'))
  return Buffer.concat([decipher.update(Buffer.from(ciphertext, 'base64url')), decipher.final()]).toString()
}

let waiting: { body: Buffer; done: () => void }[] = []
let writing = false

function append(body: Buffer): Promise<void> {
  return new Promise((done) => {
    waiting.push({ body, done })
    if (!writing) void flush()
  })
}

async function flush(): Promise<void> {
  writing = true
  while (waiting.length > 0) {
    const batch = waiting
    waiting = []
    await writeAll(file ?? -1, Buffer.concat(batch.flatMap(({ body }) => [body, Buffer.from('\n')])))
    await sync(file ?? -1)
    for (const { done } of batch) done()
  }
  writing = false
}
