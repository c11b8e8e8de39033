/** Tests what a record says about the user, the organisation, the device and the way of a request. */
import type { IncomingMessage } from 'node:http'
import { expect } from 'chai'
import { entryOfExchange } from '../../src/audit/entry.ts'
import { createExchange } from '../../src/exchange.ts'

const SDS_USER = 'https://fhir.nhs.uk/Id/sds-user-id'
const SDS_ROLE = 'https://fhir.nhs.uk/Id/sds-role-profile-id'
const LOCAL = 'https://consumersupplier.com/Id/user-guid'

describe('an audit entry', () => {
  it('has the local id and the whole name of a user without a smartcard', () => {
    const entry = entryOf({
      sub: 'u-77',
      requesting_practitioner: practitioner('u-77', [
        [SDS_USER, 'UNK'],
        [SDS_ROLE, 'UNK'],
      ]),
    })

    expect(entry).to.include({ userId: 'u-77', userLocalId: 'u-77', userName: 'Dr Anna Beth Smith', userRole: null })
  })

  it('has both ids and the role profile of a user with a smartcard', () => {
    const entry = entryOf({
      sub: 'u-77',
      requesting_practitioner: practitioner('u-77', [
        [LOCAL, 'guid-5'],
        [SDS_USER, '111222333444'],
        [SDS_ROLE, '444555666777'],
      ]),
    })

    expect(entry).to.include({ userId: '111222333444', userLocalId: 'guid-5', userRole: '444555666777' })
  })

  it('has every part of a name of 0.x, where each is a list', () => {
    const entry = entryOf({
      requesting_practitioner: {
        id: '1',
        name: { prefix: ['Dr'], given: ['Anna', 'Beth'], family: ['Smith', 'Jones'] },
      },
    })

    expect(entry).to.include({ userId: '1', userName: 'Dr Anna Beth Smith Jones' })
  })

  it('has the text of a name that has no parts', () => {
    expect(entryOf({ requesting_practitioner: { name: [{ text: 'Anna Smith' }] } }).userName).to.equal('Anna Smith')
  })

  it('has the ODS code and the name of the organisation', () => {
    const entry = entryOf({
      requesting_organization: {
        identifier: [{ system: 'https://fhir.nhs.uk/Id/ods-organization-code', value: 'A1001' }],
        name: 'Test Hospital',
      },
    })

    expect(entry).to.include({ organization: 'A1001', organizationName: 'Test Hospital' })
  })

  it('has every identifier of the device', () => {
    const entry = entryOf({
      requesting_device: {
        identifier: [
          { system: 'a', value: '1' },
          { system: 'b', value: '2' },
        ],
        model: 'm',
        version: '3',
      },
    })

    expect(entry.device).to.equal('a 1 b 2 m 3')
  })

  it('has a long claim whole, and shows that a longer one is cut', () => {
    const longest = 'n'.repeat(5000)

    expect(entryOf({ requesting_organization: { name: longest } }).organizationName).to.equal(longest)
    expect(entryOf({ sub: 'n'.repeat(9000) }).userId).to.equal(`${'n'.repeat(8192)}…`)
  })

  it('has the address of the peer and the addresses that proxies name', () => {
    const entry = entryOf({}, ['Forwarded', 'for=192.0.2.43', 'Forwarded', 'for="[2001:db8::1]"'])

    expect(entry).to.include({ address: '10.0.0.7', forwarded: 'for=192.0.2.43, for="[2001:db8::1]"' })
  })

  it('uses no claim of another type than expected', () => {
    const entry = entryOf({ sub: 7, requesting_practitioner: [], requesting_organization: { name: {} } })

    expect(entry).to.include({ userId: null, userLocalId: null, userName: null, organizationName: null })
  })
})

function practitioner(id: string, identifiers: readonly (readonly [string, string])[]): object {
  return {
    resourceType: 'Practitioner',
    id,
    identifier: identifiers.map(([system, value]) => ({ system, value })),
    name: [{ prefix: ['Dr'], given: ['Anna', 'Beth'], family: 'Smith' }],
  }
}

function entryOf(claims: object, rawHeaders: string[] = []) {
  const request = { url: '/a', method: 'GET', rawHeaders, socket: { remoteAddress: '10.0.0.7' } }
  const exchange = createExchange(request as unknown as IncomingMessage, 0)
  exchange.claims = { ...claims }
  return entryOfExchange(exchange, 200, null)
}
