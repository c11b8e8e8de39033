/** The same bare answer behind secure-server: what the server layer costs, so that the guard's own share can be told. */
import { startServer } from '@formbuilder/secure-server'
import Koa from 'koa'
import { readConfiguration } from '../../examples/gp-connect-provider/src/configuration.ts'

const { server } = readConfiguration(process.env)
const app = new Koa()
app.use((ctx) => {
  ctx.type = 'application/fhir+json; charset=utf-8'
  ctx.body = JSON.stringify({ resourceType: 'Patient', id: '1', meta: { versionId: '1' } })
})
await startServer(app.callback(), {
  port: server.port,
  host: server.host ?? '127.0.0.1',
  tls: {
    certFile: server.certFile,
    keyFile: server.keyFile,
    maxVersion: 'TLSv1.2',
    clientCertificates: { ...server.client, mode: 'strict' },
  },
  limits: server.limits ?? {},
})
process.send?.('ready')
