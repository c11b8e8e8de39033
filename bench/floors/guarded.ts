/** The same answer behind the GP Connect provider: every check, and an audit record on the disk before each answer. */
import { createProvider } from '@formbuilder/gp-connect-provider'
import { readConfiguration } from '../../examples/gp-connect-provider/src/configuration.ts'

const { provider, server } = readConfiguration(process.env)
const running = createProvider({
  ...provider,
  handlers: {
    'urn:nhs:names:services:gpconnect:fhir:rest:read:patient-1': () => ({
      resourceType: 'Patient',
      id: '1',
      meta: { versionId: '1' },
    }),
  },
})
await running.start(server)
process.send?.('ready')
