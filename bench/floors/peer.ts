/** The peer: what one would write first. Koa, jose, and one pg-boss `send` for each request, on the same store. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { text } from 'node:stream/consumers'
import { PGlite } from '@electric-sql/pglite'
import { compactDecrypt } from 'jose'
import Koa from 'koa'
import { fromPglite, PgBoss } from 'pg-boss'

const { DATABASE_URL, DATA_DIR, PORT, JWE_SHARED_KEY, TLS_CERT_FILE, TLS_KEY_FILE } = process.env
const boss = new PgBoss(
  DATABASE_URL
    ? { connectionString: DATABASE_URL, schema: 'peer' }
    : { db: fromPglite(await PGlite.create(`${DATA_DIR}/peer`)), backend: 'pglite', schema: 'peer' },
)
boss.on('error', (error) => console.error(error.name))
await boss.start()
await boss.createQueue('complaint')
const key = Buffer.from(JWE_SHARED_KEY ?? '', 'latin1')

const app = new Koa()
app.use(async (ctx) => {
  const jwe = await text(ctx.req)
  const { plaintext } = await compactDecrypt(jwe, key)
  const { submissionId } = JSON.parse(new TextDecoder().decode(plaintext))
  await boss.send('complaint', { jwe }, { id: submissionId })
  ctx.status = 201
  ctx.body = { submissionId, status: 'accepted' }
})
createServer({ cert: readFileSync(TLS_CERT_FILE ?? ''), key: readFileSync(TLS_KEY_FILE ?? '') }, app.callback()).listen(
  Number(PORT),
  '127.0.0.1',
  () => process.send?.('ready'),
)
