/** Floor: Koa on Node's own mutual TLS, which answers with a small JSON and checks nothing of the request. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import Koa from 'koa'

const { PORT, TLS_CERT_FILE = '', TLS_KEY_FILE = '', CLIENT_CA_FILES = '' } = process.env
const app = new Koa()
app.use((ctx) => {
  ctx.type = 'application/fhir+json; charset=utf-8'
  ctx.body = JSON.stringify({ resourceType: 'Patient', id: '1', meta: { versionId: '1' } })
})
const options = {
  cert: readFileSync(TLS_CERT_FILE),
  key: readFileSync(TLS_KEY_FILE),
  ca: readFileSync(CLIENT_CA_FILES),
  requestCert: true,
  maxVersion: 'TLSv1.2' as const,
}
createServer(options, app.callback()).listen(Number(PORT), '127.0.0.1', () => process.send?.('ready'))
