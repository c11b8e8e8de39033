import { expect } from 'chai'
import { addressKey, TrustedProxies } from '../src/address.ts'
import { expectRejection, parseAnswer, TestServer } from './harness.ts'

const HTTPS = { 'X-Forwarded-Proto': 'https' }

describe('behind an ingress that terminates TLS', () => {
  it('serves what the ingress received over https, with the security headers', async () => {
    await using server = await TestServer.start({ trustProxy: ['127.0.0.0/8', '::1'] })

    const { status, body, headers } = await server.send('/', { headers: HTTPS })

    expect([status, body]).to.deep.equal([200, 'hello'])
    expect(headers['strict-transport-security']).to.be.a('string')
  })

  for (const [value, why] of [
    ['HTTPS', 'letter case does not count'],
    ['https, https', 'two proxies, each of which received https'],
    ['https,https', 'white space does not count'],
    ['http, https', "the last entry is the word of the proxy that we trust; the others may be anybody's"],
    ['https, ', 'an empty entry counts for nothing'],
  ] as const)
    it(`serves X-Forwarded-Proto: ${value}: ${why}`, async () => {
      await using server = await TestServer.start({ trustProxy: ['127.0.0.1'] })

      const { status } = await server.send('/', { headers: { 'X-Forwarded-Proto': value }, host: '127.0.0.1' })

      expect(status).to.equal(200)
    })

  const NOT_HTTPS = [
    ['no X-Forwarded-Proto', {}, 'none'],
    ['an empty one', { 'X-Forwarded-Proto': '' }, 'empty'],
    ['only commas', { 'X-Forwarded-Proto': ', ,' }, 'empty'],
    ['https with something after it', { 'X-Forwarded-Proto': 'https;x' }, 'other'],
    ['https in quotes', { 'X-Forwarded-Proto': '"https"' }, 'other'],
    ['http', { 'X-Forwarded-Proto': 'http' }, 'http'],
    ['http in odd letter case', { 'X-FORWARDED-proto': 'hTTp' }, 'http'],
    ['a list', { 'X-Forwarded-Proto': 'https, http' }, 'http'],
    ['another word', { 'X-Forwarded-Proto': 'httpsx' }, 'other'],
    ['RFC 7239 instead', { Forwarded: 'proto=https' }, 'forwarded'],
    ['RFC 7239 beside http', { Forwarded: 'proto=https', 'X-Forwarded-Proto': 'http' }, 'http'],
  ] as const
  for (const [what, headers, forwardedProto] of NOT_HTTPS)
    it(`answers 421 to ${what}, and says which in the event`, async () => {
      await using server = await TestServer.start({ trustProxy: ['127.0.0.1'] })

      const { status, body } = await server.send('/', { headers, host: '127.0.0.1' })

      expect([status, JSON.parse(body).status]).to.deep.equal([421, 421])
      expect(server.of('request.refused')).to.deep.equal([
        { type: 'request.refused', status: 421, reason: 'forwarded-proto', forwardedProto, address: '127.0.0.1' },
      ])
    })

  for (const [what, headers, forwardedProto] of [
    ...NOT_HTTPS,
    ['https', HTTPS, 'https'],
    ['https in odd letter case', { 'X-Forwarded-Proto': 'http, HTTPs' }, 'https'],
  ] as const)
    it(`answers 421 to an untrusted peer with ${what}, and names the peer in the event`, async () => {
      await using server = await TestServer.start({ trustProxy: ['10.0.0.0/8'] })

      const { status, body } = await server.send('/', { headers, host: '127.0.0.1', localAddress: '127.0.0.3' })

      // The answer says no more than the status: it goes to a stranger.
      expect([status, JSON.parse(body)]).to.deep.equal([
        421,
        { type: 'about:blank', title: 'Misdirected Request', status: 421 },
      ])
      expect(server.of('request.refused')).to.deep.equal([
        { type: 'request.refused', status: 421, reason: 'proxy-untrusted', forwardedProto, address: '127.0.0.3' },
      ])
    })

  it('names a peer of IPv6 in full in the event, not by its network', async () => {
    await using server = await TestServer.start({ trustProxy: ['10.0.0.0/8'], host: '::1' })

    await server.send('/', { headers: HTTPS, host: '::1' })

    expect(server.of('request.refused').map(({ address }) => address)).to.deep.equal(['::1'])
  })

  it('tells the renderer which of the two is wrong', async () => {
    const seen: unknown[] = []
    await using server = await TestServer.start({
      trustProxy: ['127.0.0.1'],
      renderRefusal: ({ reason, forwardedProto }) => {
        seen.push([reason, forwardedProto])
        return { headers: {}, body: reason }
      },
    })

    const trusted = await server.send('/', { headers: { 'X-Forwarded-Proto': 'http' }, host: '127.0.0.1' })
    const untrusted = await server.send('/', { headers: HTTPS, host: '127.0.0.1', localAddress: '127.0.0.2' })

    expect([trusted.body, untrusted.body]).to.deep.equal(['forwarded-proto', 'proxy-untrusted'])
    expect(seen).to.deep.equal([
      ['forwarded-proto', 'http'],
      ['proxy-untrusted', 'https'],
    ])
  })

  it('answers 400 to two X-Forwarded-Proto', async () => {
    await using server = await TestServer.start({ trustProxy: ['127.0.0.1'] })

    const answer = await server.exchange(
      'GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n\r\n',
    )

    expect(parseAnswer(answer).status).to.equal(400)
  })

  it('answers 421 to all other addresses, whatever headers they send', async () => {
    await using server = await TestServer.start({ trustProxy: ['127.0.0.2', '10.0.0.0/8'] })

    expect((await server.send('/', { headers: HTTPS, host: '127.0.0.1' })).status).to.equal(421)
    expect((await server.send('/', { headers: HTTPS, host: '127.0.0.1', localAddress: '127.0.0.2' })).status).to.equal(
      200,
    )
  })

  it('serves only the plain paths to everyone', async () => {
    await using server = await TestServer.start({ trustProxy: ['10.0.0.1'], plainPaths: ['/health'] })

    const statuses: number[] = []
    for (const path of ['/health', '/health?probe=1', '/healthy', '/health/x', '/%68ealth', '/'])
      statuses.push((await server.send(path)).status)

    expect(statuses).to.deep.equal([200, 200, 421, 421, 421, 421])
  })

  it('counts requests by the client that the ingress names', async () => {
    await using server = await TestServer.start({
      trustProxy: ['127.0.0.1'],
      limits: { requestsPerSecondPerAddress: 1 },
    })
    const from = async (forwardedFor: string): Promise<number> =>
      (await server.send('/', { headers: { ...HTTPS, 'X-Forwarded-For': forwardedFor }, host: '127.0.0.1' })).status

    expect(await from('192.0.2.1')).to.equal(200)
    expect(await from('192.0.2.2')).to.equal(200)
    expect(await from('192.0.2.1')).to.equal(429)
    // Entries further left are the client's own.
    expect(await from('192.0.2.9, 192.0.2.1')).to.equal(429)
    expect(await from('192.0.2.8,192.0.2.2, 127.0.0.1')).to.equal(429)
    // IPv6 clients are counted by their /64.
    expect(await from('2001:db8::1')).to.equal(200)
    expect(await from('2001:db8::2')).to.equal(429)
  })

  it('ignores X-Forwarded-For from other addresses', async () => {
    await using server = await TestServer.start({
      trustProxy: ['10.0.0.1'],
      plainPaths: ['/'],
      limits: { requestsPerSecondPerAddress: 1 },
    })
    const from = async (forwardedFor: string): Promise<number> =>
      (await server.send('/', { headers: { 'X-Forwarded-For': forwardedFor } })).status

    expect([await from('192.0.2.1'), await from('192.0.2.2')]).to.deep.equal([200, 429])
  })

  it('limits the connections of the ingress only in total', async () => {
    await using server = await TestServer.start({ trustProxy: ['127.0.0.1'], limits: { connectionsPerAddress: 2 } })
    const sockets = await Promise.all(Array.from({ length: 5 }, () => server.tcp()))

    expect((await server.send('/', { headers: HTTPS, host: '127.0.0.1' })).status).to.equal(200)
    expect(server.of('connection.refused')).to.deep.equal([])
    for (const socket of sockets) socket.destroy()
  })

  for (const entry of [
    '',
    'localhost',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0',
    '::/129',
    '*',
    '10.0.0.0/-1',
  ])
    it(`does not start with ${JSON.stringify(entry)} as a proxy`, () =>
      expectRejection(TestServer.start({ trustProxy: [entry] }), 'ERR_OPTIONS_INVALID'))
})

describe('addressKey', () => {
  for (const [address, key] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['nonsense', 'unknown'],
    [undefined, 'unknown'],
  ] as const)
    it(`counts ${address} as ${key}`, () => expect(addressKey(address)).to.equal(key))
})

describe('TrustedProxies', () => {
  const proxies = new TrustedProxies(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32'])

  for (const [address, trusted] of [
    ['10.255.0.1', true],
    ['::ffff:10.1.1.1', true],
    ['11.0.0.1', false],
    ['192.0.2.7', true],
    ['192.0.2.8', false],
    ['2001:db8:ffff::1', true],
    ['2001:db9::1', false],
    [undefined, false],
    ['nonsense', false],
  ] as const)
    it(`${trusted ? 'trusts' : 'does not trust'} ${address}`, () => expect(proxies.includes(address)).to.equal(trusted))

  for (const [header, client] of [
    ['203.0.113.5', '203.0.113.5'],
    ['1.1.1.1, 203.0.113.5', '203.0.113.5'],
    ['1.1.1.1, 203.0.113.5, 10.0.0.1,10.0.0.2', '203.0.113.5'],
    ['10.0.0.1', undefined],
    ['203.0.113.5, unknown', undefined],
    // Some proxies write the port of the client too.
    ['203.0.113.5:50000', '203.0.113.5'],
    ['[2001:db9::1]:50000', '2001:db9::1'],
    ['[2001:db9::1]', '2001:db9::1'],
    ['2001:db9::1', '2001:db9::1'],
    ['203.0.113.5:50000, 10.0.0.1:443', '203.0.113.5'],
    ['203.0.113.5, ', '203.0.113.5'],
    ['203.0.113.5:x', undefined],
    ['', undefined],
    [undefined, undefined],
  ] as const)
    it(`finds ${client} as the client in ${JSON.stringify(header)}`, () =>
      expect(proxies.clientOf(header)).to.equal(client))
})
