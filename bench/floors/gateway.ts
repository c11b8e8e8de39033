/** The gateway in front of a bare system: every check, an audit record, and the signed claims, for each request. */
import { createProvider } from '@formbuilder/gp-connect-provider'
import { readConfiguration } from '../../examples/gp-connect-provider/src/configuration.ts'

const { provider: options, server } = readConfiguration(process.env)
const { UPSTREAM_URL = '', SECRET_FILE: secretFile = '' } = process.env
const provider = createProvider(options)
await provider.start(server, provider.forward(UPSTREAM_URL, { secretFile }))
process.send?.('ready')
