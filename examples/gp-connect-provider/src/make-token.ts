/** Prints a bearer token like that of a consumer, valid for five minutes: `node src/make-token.ts AUDIENCE SCOPE`. */
const [audience, scope] = process.argv.slice(2)
if (audience === undefined || scope === undefined) {
  console.error('usage: node src/make-token.ts https://localhost:8443/GP0001/STU3/1/gpconnect "patient/*.read"')
  process.exitCode = 2
} else {
  console.log(`${part({ alg: 'none', typ: 'JWT' })}.${part(claims(audience, scope))}.`)
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function claims(aud: string, requestedScope: string): Record<string, unknown> {
  const iat = Math.floor(Date.now() / 1000)
  return {
    iss: 'https://consumer.example.test',
    sub: '1',
    aud,
    exp: iat + 300,
    iat,
    reason_for_request: 'directcare',
    requested_scope: requestedScope,
    requesting_device: {
      resourceType: 'Device',
      identifier: [{ system: 'https://consumer.example.test/Id/device', value: 'terminal-1' }],
      model: 'Example consumer',
      version: '1.0',
    },
    requesting_organization: {
      resourceType: 'Organization',
      identifier: [{ system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: 'GPCA0001' }],
      name: 'The Example Practice',
    },
    requesting_practitioner: {
      resourceType: 'Practitioner',
      id: '1',
      identifier: [
        { system: 'https://fhir.nhs.uk/Id/sds-user-id', value: 'GCASDS0001' },
        { system: 'https://fhir.nhs.uk/Id/sds-role-profile-id', value: '112233445566' },
      ],
      name: [{ family: 'Example', given: ['Alex'], prefix: ['Dr'] }],
    },
  }
}
