/** The answer to /metadata. */
import type { Resource, Transaction } from '@formbuilder/gp-connect-provider'

/** A CapabilityStatement, or a Conformance if the service root uses DSTU2. */
export function capabilityStatement({ root }: Transaction): Resource {
  const version = VERSIONS[root.preset] ?? root.preset
  return { ...(root.fhir === 'DSTU2' ? CONFORMANCE : CAPABILITY_STATEMENT), version }
}

/** The release that each preset serves, which the official suite compares. A root can name its release itself. */
const VERSIONS: Readonly<Record<string, string>> = {
  'v0.5': '0.5.0',
  'v1.2': '1.2.8',
  'v1.3': '1.3.2',
  'v1.5': '1.5.0',
  'v1.6': '1.6.0',
  documents: '1.0.0',
}

const SOFTWARE = { name: 'Example GP Connect provider', version: '1.0.0' }

const CAPABILITY_STATEMENT: Resource = {
  resourceType: 'CapabilityStatement',
  version: '',
  name: 'Example GP Connect provider',
  status: 'active',
  date: '2026-01-05',
  publisher: 'Example',
  kind: 'instance',
  software: SOFTWARE,
  fhirVersion: '3.0.1',
  acceptUnknown: 'both',
  format: ['application/fhir+json', 'application/fhir+xml'],
  rest: [
    {
      mode: 'server',
      resource: [
        { type: 'Patient', interaction: [{ code: 'read' }, { code: 'search-type' }] },
        { type: 'Organization', interaction: [{ code: 'read' }, { code: 'search-type' }] },
        { type: 'Practitioner', interaction: [{ code: 'read' }, { code: 'search-type' }] },
        { type: 'Location', interaction: [{ code: 'read' }] },
        { type: 'Appointment', interaction: [{ code: 'read' }] },
        { type: 'Slot', interaction: [{ code: 'search-type' }] },
      ],
      operation: [
        { name: 'gpc.registerpatient', definition: operation('GPConnect-RegisterPatient-Operation-1') },
        {
          name: 'gpc.getstructuredrecord',
          definition: operation('GPConnect-GetStructuredRecord-Operation-1/_history/1.9'),
        },
      ],
    },
  ],
}

const CONFORMANCE: Resource = {
  resourceType: 'Conformance',
  version: '',
  name: 'Example GP Connect provider',
  status: 'active',
  publisher: 'Example',
  date: '2026-01-05',
  kind: 'instance',
  software: SOFTWARE,
  fhirVersion: '1.0.2',
  acceptUnknown: 'both',
  format: ['application/json+fhir', 'application/xml+fhir'],
  rest: [
    {
      mode: 'server',
      resource: [{ type: 'Patient', interaction: [{ code: 'read' }] }],
      operation: [
        {
          name: 'gpc.getcarerecord',
          definition: { reference: 'http://fhir.nhs.net/OperationDefinition/gpconnect-carerecord-operation-1' },
        },
      ],
    },
  ],
}

function operation(name: string): { reference: string } {
  return { reference: `https://fhir.nhs.uk/STU3/OperationDefinition/${name}` }
}
