/** Parses the PROXY protocol header, versions 1 and 2, with which a load balancer names its client before the first TLS byte. */
import { isIPv4, isIPv6 } from 'node:net'
import { canonicalAddress, ipv6Text } from '../networks.ts'

/**
 * What the first bytes of a connection are. `header` has a `length`, after which TLS starts, and a `client`, which is undefined if
 * the balancer speaks for itself or does not know the client: `LOCAL`, `UNKNOWN`, datagrams, Unix sockets.
 */
export type ProxyHeader =
  | { readonly found: 'header'; readonly length: number; readonly client: string | undefined }
  | { readonly found: 'incomplete' | 'absent' | 'malformed' | 'oversized' }

/** Longest block of addresses and TLVs of version 2. Those that load balancers send have a few hundred bytes. */
export const BLOCK_BYTES_MAX = 4096

/** Parses the bytes that have arrived so far. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsLike(bytes, SIGNATURE)) return bytes.length < FIXED_BYTES ? INCOMPLETE : parseBinary(bytes)
  if (startsLike(bytes, PREFIX)) return bytes.length < PREFIX.length ? INCOMPLETE : parseText(bytes)
  return { found: 'absent' }
}

/** Whether the bytes can only be a header, of which the rest may be missing. */
export function isProxyHeader(bytes: Buffer): boolean {
  return [SIGNATURE, PREFIX].some((start) => bytes.length >= start.length && startsLike(bytes, start))
}

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const PREFIX = Buffer.from('PROXY ')
const INCOMPLETE: ProxyHeader = { found: 'incomplete' }
const MALFORMED: ProxyHeader = { found: 'malformed' }

function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length)
  return bytes.subarray(0, length).equals(start.subarray(0, length))
}

/** With both of its line end's characters. */
const TEXT_BYTES_MAX = 107

function parseText(bytes: Buffer): ProxyHeader {
  const line = bytes.toString('latin1', 0, TEXT_BYTES_MAX)
  const end = line.search(/[\r\n]/)
  if (end === -1) return bytes.length < TEXT_BYTES_MAX ? INCOMPLETE : { found: 'oversized' }
  if (line[end] === '\n') return MALFORMED
  if (line.length === end + 1) return bytes.length < TEXT_BYTES_MAX ? INCOMPLETE : { found: 'oversized' }
  if (line[end + 1] !== '\n') return MALFORMED
  const length = end + 2
  const [, protocol, ...fields] = line.slice(0, end).split(' ')
  // What follows UNKNOWN is to be ignored.
  if (protocol === 'UNKNOWN') return { found: 'header', length, client: undefined }
  const [source = '', destination = '', ...ports] = fields
  const isAddress = protocol === 'TCP4' ? isIPv4 : protocol === 'TCP6' ? isPlainIPv6 : () => false
  if (!(isAddress(source) && isAddress(destination) && ports.length === 2 && ports.every(isPort))) return MALFORMED
  return { found: 'header', length, client: canonicalAddress(source) }
}

/** Without a zone, which means nothing outside the balancer. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%')
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
}

/** Signature, version with command, family with protocol, length of the rest. */
const FIXED_BYTES = 16

/** Families with their protocol, and the bytes of their addresses and ports. Any other value is invalid. */
const FAMILIES: ReadonlyMap<number, number> = new Map([
  [0x00, 0],
  [0x11, 12],
  [0x12, 12],
  [0x21, 36],
  [0x22, 36],
  [0x31, 216],
  [0x32, 216],
])
const TCP_OVER_IPV4 = 0x11
const TCP_OVER_IPV6 = 0x21
const LOCAL = 0x20
const PROXY = 0x21

function parseBinary(bytes: Buffer): ProxyHeader {
  const command = bytes.readUInt8(12)
  const family = bytes.readUInt8(13)
  const length = FIXED_BYTES + bytes.readUInt16BE(14)
  if (command !== LOCAL && command !== PROXY) return MALFORMED
  if (length > FIXED_BYTES + BLOCK_BYTES_MAX) return { found: 'oversized' }
  if (bytes.length < length) return INCOMPLETE
  // The rest of a LOCAL header is to be ignored, its family included.
  if (command === LOCAL) return { found: 'header', length, client: undefined }
  const addressBytes = FAMILIES.get(family)
  if (addressBytes === undefined || length < FIXED_BYTES + addressBytes) return MALFORMED
  const tlvs = FIXED_BYTES + addressBytes
  if (family !== 0x00 && !areIntact(bytes.subarray(0, length), tlvs)) return MALFORMED
  return { found: 'header', length, client: clientOf(family, bytes.subarray(FIXED_BYTES, tlvs)) }
}

function clientOf(family: number, addresses: Buffer): string | undefined {
  if (family === TCP_OVER_IPV4) return addresses.subarray(0, 4).join('.')
  return family === TCP_OVER_IPV6 ? ipv6Text(addresses.subarray(0, 16)) : undefined
}

const TLV_CRC32C = 0x03

/** Whether the TLVs fill their block exactly, and the checksum is right if there is one. All other TLVs are skipped. */
function areIntact(header: Buffer, tlvs: number): boolean {
  let at = tlvs
  while (at < header.length) {
    if (header.length - at < 3) return false
    const value = at + 3
    const end = value + header.readUInt16BE(at + 1)
    if (end > header.length) return false
    if (header[at] === TLV_CRC32C && !(end - value === 4 && checksumFits(header, value))) return false
    at = end
  }
  return true
}

/** The checksum is that of the whole header with zeros in its own place. */
function checksumFits(header: Buffer, at: number): boolean {
  const blank = Buffer.from(header).fill(0, at, at + 4)
  return header.readUInt32BE(at) === crc32c(blank)
}

/** RFC 3720, appendix B.4. Node has the polynomial of zlib only. */
function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  }
  return ~crc >>> 0
}
