/** Peer: what a team writes in an afternoon: Koa, jose, and one `send` of pg-boss for each request, which is a commit. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { text } from 'node:stream/consumers'
import { compactDecrypt } from 'jose'
import Koa from 'koa'
import { PgBoss } from 'pg-boss'

const { PORT, TLS_CERT_FILE = '', TLS_KEY_FILE = '', JWE_SHARED_KEY = '', DATABASE_URL = '' } = process.env
const key = Buffer.from(JWE_SHARED_KEY, 'latin1')
const boss = new PgBoss(DATABASE_URL)
await boss.start()
await boss.createQueue('complaint')

const app = new Koa()
app.use(async (ctx) => {
  const jwe = await text(ctx.req)
  const { plaintext } = await compactDecrypt(jwe, key)
  const { submissionId } = JSON.parse(new TextDecoder().decode(plaintext))
  // As the adapter keeps it: encrypted.
  await boss.send('complaint', { submissionId, jwe })
  ctx.status = 201
  ctx.body = { submissionId, status: 'accepted' }
})
createServer({ cert: readFileSync(TLS_CERT_FILE), key: readFileSync(TLS_KEY_FILE) }, app.callback()).listen(
  Number(PORT),
  '127.0.0.1',
  () => process.send?.('ready'),
)
