import { expect } from 'chai'
import { isLoopback, networks } from '../src/index.ts'

describe('networks', () => {
  const isInside = networks(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1'])

  for (const [address, expected] of [
    ['10.1.2.3', true],
    ['::ffff:10.1.2.3', true],
    ['11.0.0.1', false],
    ['192.0.2.7', true],
    ['192.0.2.8', false],
    ['2001:db8:1::2', true],
    ['2001:db9::1', false],
    ['::1', true],
    ['not an address', false],
    [undefined, false],
  ] as const) {
    it(`${expected ? 'include' : 'do not include'} ${address}`, () => {
      expect(isInside(address)).to.equal(expected)
    })
  }

  it('treat a network that is mapped into IPv6 as IPv4', () => {
    expect(networks(['::ffff:10.0.0.0/104'])('10.9.9.9')).to.equal(true)
  })

  for (const entry of [
    '',
    'localhost',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '10',
    '::ffff:10.0.0.0/64',
  ]) {
    it(`refuse ${JSON.stringify(entry)}, naming its position`, () => {
      expect(() => networks(['10.0.0.0/8', entry])).to.throw(TypeError, 'network 2 ')
    })
  }
})

describe('a listen address', () => {
  for (const [host, expected] of [
    ['localhost', true],
    ['127.0.0.1', true],
    ['127.8.8.8', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['0.0.0.0', false],
    ['::', false],
    ['adapter.example.com', false],
  ] as const) {
    it(`${host} is ${expected ? '' : 'not '}reachable from this machine only`, () => {
      expect(isLoopback(host)).to.equal(expected)
    })
  }
})
