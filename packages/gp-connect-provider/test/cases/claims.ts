/** Cases for the claims of the bearer token. */
import type { TokenOverrides } from '../token.ts'
import type { Case } from './case.ts'
import { BAD_REQUEST, isObject, NO_FHIR, one, SERVED } from './own-case.ts'

export function claims(): Case[] {
  const both = ['0.x', '1.x']
  const names = [
    'iss',
    'sub',
    'aud',
    'exp',
    'iat',
    'reason_for_request',
    'requested_scope',
    'requesting_device',
    'requesting_organization',
    'requesting_practitioner',
  ]
  const set = (pointer: string, value: unknown): TokenOverrides => ({ set: { [pointer]: value } })
  const wrong = (id: string, token: TokenOverrides, profiles = both): Case =>
    one(`own: ${id}`, { profiles, token }, BAD_REQUEST)
  const right = (id: string, token: TokenOverrides, profiles = both): Case =>
    one(`own: ${id}`, { profiles, token }, SERVED)
  const notFhir = (id: string, token: TokenOverrides, profiles = both): Case =>
    one(`own: ${id}`, { profiles, token }, NO_FHIR)
  return [
    ...names.flatMap((name) => [
      wrong(`${name} is missing`, { remove: [`/${name}`] }),
      wrong(`${name} is in a different case`, { renameClaim: { [name]: name.toUpperCase() } }),
      ...[null, 0, 'invalid', '', true, [], {}]
        .filter((value) => !(isObject(value) && name.startsWith('requesting_')))
        .map((value) => wrong(`${name} is ${JSON.stringify(value)}`, set(`/${name}`, value))),
    ]),
    wrong('iss is a relative reference', set('/iss', '/consumer')),
    wrong('iss is not a web address', set('/iss', 'urn:consumer')),
    wrong('sub is another user', set('/sub', '2')),
    wrong('the practitioner is another user', set('/requesting_practitioner/id', '2')),
    wrong('sub and practitioner are blank', { set: { '/sub': ' ', '/requesting_practitioner/id': ' ' } }),
    wrong('aud is another root of this server', set('/aud', 'https://provider.example.test/GP0002/STU3/1/gpconnect')),
    wrong('aud is a list', set('/aud', ['https://authorize.fhir.nhs.net/token'])),
    wrong('aud has a trailing slash', set('/aud', 'https://provider.example.test/GP0001/STU3/1/gpconnect/')),
    right('aud is that of 0.x', set('/aud', 'https://authorize.fhir.nhs.net/token')),
    wrong('0.x requires its own audience', set('/aud', 'https://provider.example.test/GP0001/DSTU2/0/gpconnect'), [
      '0.x',
    ]),
    ...[299, 301, 0, -1, 600, 300.5].map((expAfterIatSeconds) =>
      wrong(`a token lives ${expAfterIatSeconds} seconds`, { expAfterIatSeconds }),
    ),
    wrong('a token expired a second ago', { iatOffsetSeconds: -301 }),
    wrong('a token expires now', { iatOffsetSeconds: -300 }),
    right('a token has ten seconds left', { iatOffsetSeconds: -290 }),
    right('iat is in the future', { iatOffsetSeconds: 200 }),
    wrong('exp is a text', set('/exp', '4102444800')),
    wrong('iat is a text', set('/iat', '4102444500')),
    wrong('exp is a fraction', set('/exp', 4102444800.5)),
    wrong('reason_for_request in capitals', set('/reason_for_request', 'DirectCare')),
    wrong('reason_for_request is migration before 1.6', set('/reason_for_request', 'migration')),
    ...['requesting_device', 'requesting_organization', 'requesting_practitioner'].flatMap((claim) => [
      notFhir(`${claim} has an unknown element`, set(`/${claim}/invalidField`, 'x')),
      notFhir(`${claim} has an inherited name`, set(`/${claim}/constructor`, 'x')),
      notFhir(`${claim} has an unknown element in its identifier`, set(`/${claim}/identifier/0/invalidField`, 'x')),
      notFhir(`${claim} is an unknown resource`, set(`/${claim}/resourceType`, 'InvalidResourceType'), ['1.x']),
      wrong(`${claim} is an unknown resource in 0.x`, set(`/${claim}/resourceType`, 'InvalidResourceType'), ['0.x']),
      wrong(`${claim} is another resource`, set(`/${claim}/resourceType`, 'Observation')),
      wrong(`${claim} has no identifier`, { remove: [`/${claim}/identifier`] }),
      wrong(`${claim} has an empty list of identifiers`, set(`/${claim}/identifier`, [])),
      wrong(`${claim} has an identifier that is null`, set(`/${claim}/identifier`, null)),
      wrong(`${claim} has an identifier without a value`, { remove: [`/${claim}/identifier/0/value`] }),
      wrong(`${claim} has an identifier without a system`, { remove: [`/${claim}/identifier/0/system`] }),
      wrong(`${claim} has an identifier with a blank value`, set(`/${claim}/identifier/0/value`, ' ')),
      right(
        `${claim} has an extension`,
        set(`/${claim}/extension`, [{ url: 'https://example.test/x', valueString: 'x' }]),
      ),
      right(`${claim} has a meta`, set(`/${claim}/meta`, { profile: ['https://example.test/x'] })),
    ]),
    notFhir('STU3 has no expiry of a device', set('/requesting_device/expiry', '2030-01-01'), ['1.x']),
    notFhir('STU3 has no practitionerRole', set('/requesting_practitioner/practitionerRole', []), ['1.x']),
    notFhir('DSTU2 has no expirationDate', set('/requesting_device/expirationDate', '2030-01-01'), ['0.x']),
    notFhir('DSTU2 has no alias', set('/requesting_organization/alias', ['x']), ['0.x']),
    right('DSTU2 has an expiry', set('/requesting_device/expiry', '2030-01-01'), ['0.x']),
    right('a device has further elements', set('/requesting_device/manufacturer', 'x')),
    right('an organisation has an alias', set('/requesting_organization/alias', ['x']), ['1.x']),
    right('a practitioner has a telecom', set('/requesting_practitioner/telecom', [{ system: 'phone', value: 'x' }])),
    right('a primitive has an id', set('/requesting_practitioner/_gender', { id: 'g' })),
    notFhir('a complex element has no sibling', set('/requesting_practitioner/_name', [{}])),
    wrong('the device has no model', { remove: ['/requesting_device/model'] }),
    wrong('the device has no version', { remove: ['/requesting_device/version'] }),
    wrong('the device has a blank model', set('/requesting_device/model', '')),
    wrong('the device has no id in 0.x', { remove: ['/requesting_device/id'] }, ['0.x']),
    wrong('the organisation has no id in 0.x', { remove: ['/requesting_organization/id'] }, ['0.x']),
    wrong('the organisation has no name', { remove: ['/requesting_organization/name'] }),
    wrong(
      'the organisation has no ODS code',
      set('/requesting_organization/identifier/0/system', 'https://example.test/Id/x'),
    ),
    wrong(
      'the ODS code is that of 0.x',
      set('/requesting_organization/identifier/0/system', 'http://fhir.nhs.net/Id/ods-organization-code'),
      ['1.x'],
    ),
    wrong('the practitioner has no id', { remove: ['/requesting_practitioner/id'] }),
    wrong('the practitioner has no name', { remove: ['/requesting_practitioner/name'] }),
    wrong('the practitioner has no family name', { remove: ['/requesting_practitioner/name/0/family'] }, ['1.x']),
    wrong('the practitioner has no given name', { remove: ['/requesting_practitioner/name/0/given'] }, ['1.x']),
    wrong('the practitioner has no family name in 0.x', { remove: ['/requesting_practitioner/name/family'] }, ['0.x']),
    wrong('the practitioner has no given name in 0.x', { remove: ['/requesting_practitioner/name/given'] }, ['0.x']),
    right('the practitioner has no prefix', { remove: ['/requesting_practitioner/name/0/prefix'] }, ['1.x']),
    right('the practitioner has no role in 0.x', { remove: ['/requesting_practitioner/practitionerRole'] }, ['0.x']),
    wrong(
      'the practitioner has no SDS user id',
      set('/requesting_practitioner/identifier/0/system', 'https://example.test/Id/x'),
    ),
    right('the SDS user id is UNK', set('/requesting_practitioner/identifier/0/value', 'UNK')),
    right('the practitioner has the SDS user id only', {
      removeIdentifiersExcept: { '/requesting_practitioner/identifier': ['https://fhir.nhs.uk/Id/sds-user-id'] },
    }),
    wrong('requested_record is not part of 1.x', set('/requested_record', { resourceType: 'Patient' }), ['1.x']),
    wrong('requested_record is missing in 0.x', { remove: ['/requested_record'] }, ['0.x']),
    wrong('requested_record has an invalid NHS number', set('/requested_record/identifier/0/value', '9000000008'), [
      '0.x',
    ]),
    wrong('requested_record is another resource', set('/requested_record/resourceType', 'Observation'), ['0.x']),
    wrong('requested_record is an unknown resource', set('/requested_record/resourceType', 'InvalidResourceType'), [
      '0.x',
    ]),
    notFhir('requested_record has an unknown element', set('/requested_record/invalidField', 'x'), ['0.x']),
    right(
      'requested_record is an organisation',
      set('/requested_record', {
        resourceType: 'Organization',
        identifier: [{ system: 'http://fhir.nhs.net/Id/ods-organization-code', value: 'GPCA0001' }],
      }),
      ['0.x'],
    ),
  ]
}
