import { expect } from 'chai'
import fc from 'fast-check'
import { BLOCK_BYTES_MAX, isProxyHeader, parseProxyHeader } from '../../src/connection/proxy-header.ts'
import { type Binary, IPV4, IPV6, tlv, v1, v2 } from '../proxy-headers.ts'

describe('a PROXY header of version 1', () => {
  for (const [line, client] of [
    ['TCP4 192.0.2.7 198.51.100.1 56324 443', '192.0.2.7'],
    ['TCP4 255.255.255.255 255.255.255.255 65535 65535', '255.255.255.255'],
    ['TCP4 0.0.0.0 0.0.0.0 0 0', '0.0.0.0'],
    ['TCP6 2001:db8::7 2001:db8::1 56324 443', '2001:db8::7'],
    ['TCP6 2001:DB8:0:0:0:0:0:7 ::1 1 2', '2001:db8::7'],
    ['TCP6 ::ffff:192.0.2.7 ::1 1 2', '192.0.2.7'],
    ['TCP6 ::ffff:c000:207 ::1 1 2', '192.0.2.7'],
    ['UNKNOWN', undefined],
    ['UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535', undefined],
    ['UNKNOWN anything else', undefined],
  ] as const)
    it(`names ${client ?? 'nobody'}: ${line}`, () => {
      const header = v1(line)

      expect(parseProxyHeader(header)).to.deep.equal({ found: 'header', length: header.length, client })
    })

  for (const [line, why] of [
    ['', 'nothing'],
    ['TCP4', 'no addresses'],
    ['TCP4 192.0.2.7 198.51.100.1 56324', 'a port is missing'],
    ['TCP4 192.0.2.7 198.51.100.1 56324 443 1', 'a field too many'],
    ['TCP4  192.0.2.7 198.51.100.1 56324 443', 'two spaces'],
    ['TCP4 192.0.2.7 198.51.100.1 56324 443 ', 'a space at its end'],
    ['TCP4 192.0.2.7\t198.51.100.1 56324 443', 'a tab'],
    ['TCP4 192.0.2.07 198.51.100.1 56324 443', 'a leading zero'],
    ['TCP4 192.0.2.256 198.51.100.1 56324 443', 'not an address'],
    ['TCP4 2001:db8::7 2001:db8::1 56324 443', 'the other family'],
    ['TCP6 192.0.2.7 198.51.100.1 56324 443', 'the other family'],
    ['TCP6 fe80::1%eth0 ::1 1 2', 'a zone'],
    ['TCP4 192.0.2.7 198.51.100.1 65536 443', 'not a port'],
    ['TCP4 192.0.2.7 198.51.100.1 056 443', 'a port with a leading zero'],
    ['TCP4 192.0.2.7 198.51.100.1 -1 443', 'a negative port'],
    ['TCP4 192.0.2.7 198.51.100.1 0x1 443', 'a port in hex'],
    ['tcp4 192.0.2.7 198.51.100.1 1 443', 'lower case'],
    ['UDP4 192.0.2.7 198.51.100.1 1 443', 'not TCP'],
    ['UNKNOWNS', 'no such protocol'],
    ['TCP4 192.0.2.7 198.51.100.1 1 2\n', 'a line feed alone'],
    ['TCP4 192.0.2.7 198.51.100.1 1\r2', 'a carriage return alone'],
    ['TCP4 192.0.2.7 198.51.100.1 1 2\0', 'a zero byte'],
    ['TCP4 １92.0.2.7 198.51.100.1 1 2', 'a digit that is not ASCII'],
  ] as const)
    it(`is malformed with ${why}: ${JSON.stringify(line)}`, () => {
      expect(parseProxyHeader(v1(line))).to.deep.equal({ found: 'malformed' })
    })

  it('has 107 bytes at most', () => {
    const longest = v1(`UNKNOWN ${'x'.repeat(107 - 16)}`)
    const longer = v1(`UNKNOWN ${'x'.repeat(108 - 16)}`)

    expect(longest).to.have.length(107)
    expect(parseProxyHeader(longest)).to.deep.equal({ found: 'header', length: 107, client: undefined })
    expect(parseProxyHeader(longer)).to.deep.equal({ found: 'oversized' })
    expect(parseProxyHeader(longer.subarray(0, 107))).to.deep.equal({ found: 'oversized' })
    expect(parseProxyHeader(Buffer.from(`PROXY ${'x'.repeat(200)}`))).to.deep.equal({ found: 'oversized' })
  })
})

describe('a PROXY header of version 2', () => {
  const zero = Buffer.alloc(0)
  for (const [what, given, client] of [
    ['TCP over IPv4', {}, '192.0.2.7'],
    ['TCP over IPv6', { family: 0x21, addresses: IPV6 }, '2001:db8::7'],
    [
      'IPv4 mapped into IPv6',
      { family: 0x21, addresses: Buffer.from(`${'0'.repeat(20)}ffffc0000207${'0'.repeat(40)}`, 'hex') },
      '192.0.2.7',
    ],
    ['LOCAL', { command: 0x20, family: 0, addresses: zero }, undefined],
    ['LOCAL with addresses', { command: 0x20 }, undefined],
    ['LOCAL with a family that does not exist', { command: 0x20, family: 0xff }, undefined],
    ['an unknown family', { family: 0, addresses: zero }, undefined],
    ['an unknown family with any block', { family: 0, addresses: Buffer.from('0102', 'hex') }, undefined],
    ['datagrams over IPv4', { family: 0x12 }, undefined],
    ['datagrams over IPv6', { family: 0x22, addresses: IPV6 }, undefined],
    ['a Unix stream', { family: 0x31, addresses: Buffer.alloc(216) }, undefined],
    ['a Unix datagram', { family: 0x32, addresses: Buffer.alloc(216) }, undefined],
    ['a TLV', { tlvs: tlv(0xea, Buffer.from('\x01vpce-08d2bf15fac5001c9')) }, '192.0.2.7'],
    ['two TLVs, one empty', { tlvs: Buffer.concat([tlv(0x04, zero), tlv(0x01, Buffer.from('h2'))]) }, '192.0.2.7'],
    ['the longest block', { tlvs: tlv(0x04, Buffer.alloc(BLOCK_BYTES_MAX - IPV4.length - 3)) }, '192.0.2.7'],
  ] as readonly [string, Binary, string | undefined][])
    it(`names ${client ?? 'nobody'} with ${what}`, () => {
      const header = v2(given)

      expect(parseProxyHeader(header)).to.deep.equal({ found: 'header', length: header.length, client })
    })

  for (const [why, header] of [
    ['version 1 in binary', { command: 0x11 }],
    ['version 3', { command: 0x31 }],
    ['a command that does not exist', { command: 0x22 }],
    ['a family that does not exist', { family: 0x41 }],
    ['a protocol that does not exist', { family: 0x13 }],
    ['a family without a protocol', { family: 0x10 }],
    ['addresses that are too short', { addresses: IPV4.subarray(1) }],
    ['addresses of the other family', { family: 0x21 }],
    ['Unix addresses that are too short', { family: 0x31, addresses: Buffer.alloc(215) }],
    ['a TLV without its length', { tlvs: Buffer.from('0100', 'hex') }],
    ['a TLV longer than the block', { tlvs: tlv(0x01, Buffer.from('h2'), 3) }],
    ['a checksum of three bytes', { tlvs: tlv(0x03, Buffer.alloc(3)) }],
    ['a wrong checksum', { tlvs: tlv(0x03, Buffer.from('00000000', 'hex')) }],
  ] as readonly [string, Binary][])
    it(`is malformed with ${why}`, () => {
      expect(parseProxyHeader(v2(header))).to.deep.equal({ found: 'malformed' })
    })

  it('is oversized from one byte more than the longest block, before the block arrives', () => {
    expect(parseProxyHeader(v2({ length: BLOCK_BYTES_MAX + 1 }))).to.deep.equal({ found: 'oversized' })
    expect(parseProxyHeader(v2({ command: 0x20, length: 0xffff }))).to.deep.equal({ found: 'oversized' })
    expect(parseProxyHeader(v2({ length: BLOCK_BYTES_MAX }))).to.deep.equal({ found: 'incomplete' })
  })

  it('is checked against its checksum, if it has one', () => {
    const header = v2({ tlvs: tlv(0x03, Buffer.from(CHECKSUM, 'hex')) })

    expect(parseProxyHeader(header)).to.deep.equal({ found: 'header', length: header.length, client: '192.0.2.7' })
    for (let at = 16; at < header.length; at += 1) {
      // Any other type of TLV is skipped.
      if (at === 28) continue
      const changed = Buffer.from(header)
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
      expect(parseProxyHeader(changed).found, `byte ${at}`).to.equal('malformed')
    }
  })
})

describe('the bytes of a connection', () => {
  const headers = [
    v1(),
    v1('UNKNOWN'),
    v2(),
    v2({ family: 0x21, addresses: IPV6 }),
    v2({ command: 0x20, addresses: Buffer.alloc(0) }),
  ]

  it('are the same header however many of TLS follow it', () => {
    fc.assert(
      fc.property(fc.constantFrom(...headers), fc.uint8Array({ maxLength: 300 }), (header, rest) => {
        expect(parseProxyHeader(Buffer.concat([header, rest]))).to.deep.equal(parseProxyHeader(header))
      }),
    )
  })

  it('are incomplete until the last byte of a header, and never before its first', () => {
    for (const header of headers) {
      for (let length = 0; length < header.length; length += 1)
        expect(parseProxyHeader(header.subarray(0, length)).found).to.equal('incomplete')
      expect(parseProxyHeader(header).found).to.equal('header')
    }
  })

  it('are no header when they are TLS, HTTP, or nearly one', () => {
    for (const bytes of [
      '\x16\x03\x01\x02\x00',
      'GET / HTTP/1.1\r\n',
      'POST / HTTP/1.1\r\n',
      'PROXX ',
      'PROXY\r\n',
      '\r\n\r\n\0\r\nQUIX\n',
      'proxy TCP4',
    ])
      expect(parseProxyHeader(Buffer.from(bytes, 'latin1')).found, bytes).to.equal('absent')
  })

  it('are decided without an exception, whatever they are, and the same whole as in parts', () => {
    const almost = fc
      .tuple(fc.constantFrom(...headers), fc.nat(), fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 64 }))
      .map(([header, position, value, rest]) => {
        const changed = Buffer.concat([header, rest])
        changed.writeUInt8(value, position % header.length)
        return changed
      })
    const any = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(fc.oneof(almost, any), (bytes) => {
        const whole = parseProxyHeader(bytes)
        if (whole.found === 'header') expect(whole.length).to.be.within(15, bytes.length)
        const decided = Array.from({ length: bytes.length + 1 }, (_, length) =>
          parseProxyHeader(bytes.subarray(0, length)),
        ).filter(({ found }) => found !== 'incomplete')
        for (const one of decided) expect(one).to.deep.equal(whole)
      }),
      { numRuns: 500 },
    )
  })

  it('are known for a header before it is complete, but not by a byte that something else can start with', () => {
    expect([v1(), v2()].map((header) => isProxyHeader(header.subarray(0, 12)))).to.deep.equal([true, true])
    expect(['P', 'PROXY', '\r\n', 'POST /'].map((bytes) => isProxyHeader(Buffer.from(bytes)))).to.deep.equal([
      false,
      false,
      false,
      false,
    ])
  })
})

/** CRC32c of `v2` with this TLV and zeros in place of its value, from a table-driven implementation that gives e3069283 for 123456789. */
const CHECKSUM = '548e28ff'
