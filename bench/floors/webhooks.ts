/** Peers that only verify: the receivers of two webhook libraries, on a body of the same size, one of them in Koa. BENCH_PEER names one. */
import { readFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import { text } from 'node:stream/consumers'
import { Webhooks } from '@octokit/webhooks'
import Koa from 'koa'
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

const app = new Koa()
app.use(async (ctx) => {
  webhook.verify(await text(ctx.req), {
    'webhook-id': BENCH_ID,
    'webhook-timestamp': BENCH_TIMESTAMP,
    'webhook-signature': BENCH_SIGNATURE,
  })
  ctx.status = 201
  ctx.body = {}
})

const bare: RequestListener = (request, response) => {
  void text(request)
    .then(async (body) => {
      if (!(await webhooks.verify(body, BENCH_SIGNATURE))) throw new Error('refused')
      JSON.parse(body)
    })
    .then(
      () => response.writeHead(201, { 'Content-Length': 2 }).end('{}'),
      () => response.writeHead(401, { 'Content-Length': 2 }).end('{}'),
    )
}

createServer(
  { cert: readFileSync(TLS_CERT_FILE ?? ''), key: readFileSync(TLS_KEY_FILE ?? '') },
  BENCH_PEER === 'octokit' ? bare : app.callback(),
).listen(Number(PORT), '127.0.0.1', () => process.send?.('ready'))
