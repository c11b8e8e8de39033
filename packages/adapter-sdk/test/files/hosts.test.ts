import { expect } from 'chai'
import {
  DEFAULT_ATTACHMENT_HOSTS,
  entriesOf,
  entryFor,
  isPublicAddress,
  parseAttachmentHosts,
  reachOf,
} from '../../src/files/hosts.ts'

describe('ATTACHMENT_HOSTS', () => {
  for (const [link, entry] of [
    ['https://bucket.files.example/jane?X-Amz-Signature=secret', '*.files.example'],
    ['https://one.files.example/x', 'one.files.example'],
    ['https://user:password@localhost:9443/x', 'localhost:9443'],
    ['https://other.example/x', undefined],
    ['https://bucket.files.example:8443/x', undefined],
    ['no link', undefined],
    ['', undefined],
  ] as const)
    it(`names the entry that allows ${link || 'an empty link'}: ${entry ?? 'none'}`, () => {
      const hosts = parseAttachmentHosts('one.files.example,*.files.example,LOCALHOST:9443')

      expect(entryFor(link, hosts)).to.equal(entry)
      expect(entriesOf(hosts)).to.have.members(['localhost:9443', 'one.files.example', '*.files.example'])
    })

  for (const [hosts, url, reach] of [
    ['files.example', 'https://files.example/x', 'public'],
    ['files.example', 'https://FILES.example:443/x', 'public'],
    ['Files.Example', 'https://files.example/x', 'public'],
    [' a.example , files.example ', 'https://files.example/x', 'public'],
    ['*.files.example', 'https://bucket.files.example/x', 'public'],
    ['a.*.example', 'https://a.b.example/x', 'public'],
    ['localhost:9443', 'https://localhost:9443/x', 'any'],
    ['LOCALHOST:9443', 'https://localhost:9443/x', 'any'],
    ['files.example:443', 'https://files.example/x', 'any'],
    ['127.0.0.1:9443', 'https://127.0.0.1:9443/x', 'any'],
    ['127.0.0.1:9443', 'https://0x7f.1:9443/x', 'any'],
    ['[::1]:9443', 'https://[::1]:9443/x', 'any'],
  ] as const)
    it(`${hosts} allows ${url} at ${reach === 'any' ? 'any address' : 'a public address'}`, () => {
      expect(reachOf(new URL(url), parseAttachmentHosts(hosts))).to.equal(reach)
    })

  for (const [hosts, url, why] of [
    ['files.example', 'https://other.example/x', 'another host'],
    ['files.example', 'https://a.files.example/x', 'a name below it'],
    ['files.example', 'https://files.example.evil.example/x', 'a name that begins with it'],
    ['files.example', 'https://evilfiles.example/x', 'a name that ends with it'],
    ['files.example', 'https://files.example./x', 'the root label'],
    ['files.example', 'https://files.example:8443/x', 'another port'],
    ['*.files.example', 'https://files.example/x', 'the wildcard stands for no label'],
    ['*.files.example', 'https://a.b.files.example/x', 'the wildcard stands for two labels'],
    ['*.files.example', 'https://.files.example/x', 'the wildcard stands for an empty label'],
    ['localhost:9443', 'https://localhost/x', 'the default port'],
    ['localhost:9443', 'https://localhost:9444/x', 'another port'],
    ['localhost:9443', 'https://127.0.0.1:9443/x', 'the same place by another name'],
    ['*.example', 'https://10.0.0.1/x', 'an address'],
  ] as const)
    it(`${hosts} refuses ${url}: ${why}`, () => {
      expect(reachOf(new URL(url), parseAttachmentHosts(hosts))).to.equal(undefined)
    })

  for (const [hosts, why] of [
    ['', 'nothing'],
    ['*', 'every host'],
    ['files.*', 'a wildcard at the end'],
    ['f*.example', 'a wildcard for a part of a label'],
    ['*.files.example:443', 'a wildcard with a port'],
    ['https://files.example', 'a URL'],
    ['files.example/path', 'a path'],
    ['user@files.example:443', 'credentials'],
    ['10.0.0.1', 'an address without a port'],
    ['[::1]', 'an IPv6 address without a port'],
    ['::1:9443', 'an IPv6 address without brackets'],
    ['files.example:0', 'port 0'],
    ['files.example:70000', 'a port that does not exist'],
    ['files..example', 'an empty label'],
    ['files.example.', 'the root label'],
    ['two words', 'a space'],
  ] as const)
    it(`is refused when it is ${JSON.stringify(hosts)}: ${why}`, () => {
      expect(() => parseAttachmentHosts(hosts))
        .to.throw()
        .with.property('code', 'ERR_CONFIG_INVALID')
    })

  it('names the entries that are wrong by their positions, and not what they say', () => {
    expect(() => parseAttachmentHosts('a.example,https://secret.example,b.example,*'))
      .to.throw(/entries 2, 4/)
      .with.property('message')
      .that.does.not.contain('secret')
  })

  for (const host of [
    'moj-forms-external.s3.eu-west-2.amazonaws.com',
    's3.eu-west-2.amazonaws.com',
    'b.s3.amazonaws.com',
  ])
    it(`allows ${host} by default`, () => {
      expect(reachOf(new URL(`https://${host}/x`), parseAttachmentHosts(DEFAULT_ATTACHMENT_HOSTS))).to.equal('public')
    })

  for (const host of [
    's3.us-east-1.amazonaws.com',
    'x.execute-api.eu-west-2.amazonaws.com',
    'amazonaws.com',
    'localhost',
  ])
    it(`refuses ${host} by default`, () => {
      expect(reachOf(new URL(`https://${host}/x`), parseAttachmentHosts(DEFAULT_ATTACHMENT_HOSTS))).to.equal(undefined)
    })
})

describe('an address of a file host', () => {
  for (const address of ['3.5.246.10', '52.95.150.1', '172.32.0.1', '2a05:d018::1', '2600:1fa0::1'])
    it(`may be ${address}`, () => {
      expect(isPublicAddress(address)).to.equal(true)
    })

  for (const [address, what] of [
    ['0.0.0.0', 'unspecified'],
    ['10.1.2.3', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['127.0.0.1', 'loopback'],
    ['127.255.0.1', 'loopback'],
    ['169.254.169.254', 'the metadata service of a cloud'],
    ['100.64.0.1', 'shared between carriers'],
    ['192.0.0.192', 'the metadata service of another cloud'],
    ['192.0.2.1', 'documentation'],
    ['198.18.0.1', 'benchmarks'],
    ['224.0.0.1', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'broadcast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::ffff:169.254.169.254', 'IPv4 in IPv6'],
    ['::ffff:8.8.8.8', 'IPv4 in IPv6, whatever the IPv4 is'],
    ['::169.254.169.254', 'IPv4 in IPv6, the old way'],
    ['::ffff:0:a00:1', 'IPv4 translated'],
    ['64:ff9b::a9fe:a9fe', 'NAT64'],
    ['64:ff9b:1::a00:1', 'local NAT64'],
    ['2002:a9fe:a9fe::1', '6to4'],
    ['2001:0:a00:1::1', 'Teredo'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local with a zone'],
    ['fec0::1', 'site-local'],
    ['fc00::1', 'unique local'],
    ['fd00:ec2::254', 'the metadata service of a cloud'],
    ['ff02::1', 'multicast'],
    ['100::1', 'discarded'],
    ['2001:db8::1', 'documentation'],
    ['5f00::1', 'segment routing'],
    ['4000::1', 'not given out'],
    ['localhost', 'no address'],
    ['', 'nothing'],
  ] as const)
    it(`may not be ${address || "''"}: ${what}`, () => {
      expect(isPublicAddress(address)).to.equal(false)
    })
})
