import { expect } from 'chai'
import { complaintWith, field, map } from '../mapping.ts'

describe('an address', () => {
  const lines: readonly (readonly [unknown, unknown, string, string])[] = [
    ['1 Road', '', '1 Road', 'an empty line is left out'],
    ['', '2 Lane', '2 Lane', 'an empty first line is left out too'],
    ['\u00a0\u2003', ' x ', ' x ', 'a line of no-break spaces is left out, another line is not trimmed'],
    ['\u200b', 'x', '\u200b, x', 'a zero width space is not blank'],
    [null, 'x', 'x', 'null is left out'],
    [0, 7, '0, 7', 'numbers are never blank'],
    [false, true, 'true', 'false is blank'],
    [[], {}, '', 'an empty list and an empty object are blank'],
    [['a', ['b', null]], 'c', 'a, b, , c', 'nested lists are joined, and their blank items are kept'],
    [[{}], 'x', '{}, x', 'an empty object in a list is written as Ruby writes it'],
  ]
  for (const [one, two, sent, why] of lines)
    it(`puts its two lines into one field: ${why}`, async () => {
      const address = { address_line_one: one, address_line_two: two }

      expect(await field(complaintWith({ youraddress_address_1: address }), 'Customer.Address')).to.equal(sent)
    })

  it('passes on town, county and postcode, with "" for a missing one', async () => {
    const example = complaintWith({ youraddress_address_1: { city: null, county: ['a'] } })

    expect(await field(example, 'Customer.Town')).to.equal(null)
    expect(await field(example, 'Customer.County')).to.deep.equal(['a'])
    expect(await field(example, 'Customer.Postcode')).to.equal('')
  })

  for (const [what, value] of [
    ['null', null],
    ['""', ''],
  ] as const)
    it(`of ${what} means that no address was given`, async () => {
      expect(await map(complaintWith({ youraddress_address_1: value }))).to.deep.equal(await map(complaintWith({})))
    })

  for (const [what, value] of [
    ['a text', '1 Road'],
    ['a list', ['1 Road']],
    ['a number', 1],
    ['true', true],
    ['an object as a line', { address_line_one: { street: '1 Road' } }],
  ] as const)
    it(`of ${what} is refused, and the refusal names the field`, async () => {
      const mapped = await map(complaintWith({ youraddress_address_1: value }))

      expect(mapped).to.have.property('refused').with.length(1)
      expect((mapped as { refused: string[] }).refused[0]).to.match(/^youraddress_address_1/)
    })
})
