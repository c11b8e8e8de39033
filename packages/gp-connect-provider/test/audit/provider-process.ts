/**
 * A provider as a process of its own, which prints its port: `provider-process.ts FILE FLUSH PKI_FOLDER FQDN AUTHORITIES CRLS`. With
 * `UPSTREAM` in its environment it is a gateway.
 */
import { join } from 'node:path'
// Built code starts sooner.
import { createProvider } from '../../dist/provider.js'

const [file = '', flush, pki = '', fqdn = '', authorities = '', lists = ''] = process.argv.slice(2)
const provider = createProvider({
  serviceRoots: { '/GP0001/STU3/1/gpconnect': { asid: '918999198993', preset: 'v1.2' } },
  publicUrl: 'https://provider.example.test',
  handlers: {
    'urn:nhs:names:services:gpconnect:fhir:rest:read:metadata-1': () => ({
      resourceType: 'CapabilityStatement',
      status: 'active',
    }),
  },
  audit: { file, flush: flush === 'always' ? 'always' : 'interval' },
})
const { UPSTREAM: upstream } = process.env
const { port } = await provider.start(
  {
    port: 0,
    host: '127.0.0.1',
    certFile: join(pki, 'server.pem'),
    keyFile: join(pki, 'server.key'),
    client: { caFiles: authorities.split(','), crlFiles: lists.split(','), fqdns: [fqdn] },
  },
  upstream === undefined ? undefined : provider.forward(upstream, { secretFile: join(pki, 'claims.secret') }),
)
process.stdout.write(`${port}\n`)
