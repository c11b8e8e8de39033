/** Peers that only verify: the receivers of two webhook libraries, on a body of the same size. BENCH_PEER names one. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { text } from 'node:stream/consumers'
import { Webhooks } from '@octokit/webhooks'
import { Webhook } from 'standardwebhooks'

const {
  PORT,
  TLS_CERT_FILE,
  TLS_KEY_FILE,
  BENCH_PEER,
  BENCH_SIGNATURE = '',
  BENCH_ID = '',
  BENCH_TIMESTAMP = '',
} = process.env
const secret = Buffer.alloc(32, 7).toString('base64')
const webhook = new Webhook(secret)
const webhooks = new Webhooks({ secret })

async function accept(body: string): Promise<void> {
  if (BENCH_PEER === 'octokit') {
    if (!(await webhooks.verify(body, BENCH_SIGNATURE))) throw new Error('refused')
    JSON.parse(body)
  } else {
    webhook.verify(body, {
      'webhook-id': BENCH_ID,
      'webhook-timestamp': BENCH_TIMESTAMP,
      'webhook-signature': BENCH_SIGNATURE,
    })
  }
}

createServer(
  { cert: readFileSync(TLS_CERT_FILE ?? ''), key: readFileSync(TLS_KEY_FILE ?? '') },
  (request, response) => {
    void text(request)
      .then(accept)
      .then(
        () => response.writeHead(201, { 'Content-Length': 2 }).end('{}'),
        () => response.writeHead(401, { 'Content-Length': 2 }).end('{}'),
      )
  },
).listen(Number(PORT), '127.0.0.1', () => process.send?.('ready'))
