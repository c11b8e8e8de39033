/** Matches addresses against networks such as `10.0.0.0/8`, `127.0.0.1` and `::1`; IPv4 mapped into IPv6 counts as IPv4. */
import { BlockList, isIP, isIPv4 } from 'node:net'

/**
 * Returns a function that says whether an address is in one of the networks.
 * @throws {TypeError} An entry is neither an address nor a network; the message gives its position only.
 */
export function networks(entries: readonly string[]): (address: string | undefined) => boolean {
  const list = new BlockList()
  for (const [position, entry] of entries.entries()) {
    const network = parseNetwork(entry)
    if (network === undefined) throw new TypeError(`network ${position + 1} is neither an address nor a network`)
    list.addSubnet(network.address, network.bits, network.family)
  }
  return (address) => {
    if (address === undefined) return false
    const plain = unmapped(address)
    return isIP(plain) !== 0 && list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6')
  }
}

/** Whether a listen address can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || LOOPBACK(host)
}

/** The IPv4 address inside an IPv6-mapped one (`::ffff:192.0.2.1`); any other address as it is. */
export function unmapped(address: string): string {
  return MAPPED.exec(address)?.[1] ?? address
}

/** The one way to write an address: IPv6 as RFC 5952 says, and IPv4 mapped into IPv6 as IPv4. */
export function canonicalAddress(address: string): string {
  const plain = unmapped(address)
  if (isIPv4(plain)) return plain
  const short = new URL(`http://[${plain}]`).hostname.slice(1, -1)
  const [, high, low] = MAPPED_HEX.exec(short) ?? []
  if (high === undefined || low === undefined) return short
  const bytes = [high, low].flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff])
  return bytes.join('.')
}

/** The address in 16 bytes, as `canonicalAddress` writes it. */
export function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(at * 2).toString(16))
  return canonicalAddress(groups.join(':'))
}

const MAPPED = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i
const MAPPED_HEX = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/
const LOOPBACK = networks(['127.0.0.0/8', '::1'])

interface Network {
  readonly address: string
  readonly bits: number
  readonly family: 'ipv4' | 'ipv6'
}

function parseNetwork(entry: string): Network | undefined {
  const [given = '', bits, ...rest] = entry.split('/')
  const address = unmapped(given)
  if (isIP(address) === 0 || rest.length > 0) return undefined
  const family = isIPv4(address) ? 'ipv4' : 'ipv6'
  const most = family === 'ipv4' ? 32 : 128
  if (bits === undefined) return { address, bits: most, family }
  const length = Number(bits) - (address === given ? 0 : 96)
  return /^\d{1,3}$/.test(bits) && length >= 0 && length <= most ? { address, bits: length, family } : undefined
}
