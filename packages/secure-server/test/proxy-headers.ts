/** Builds PROXY protocol headers as load balancers send them, and wrong ones. */

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

/** A header of version 1. */
export function v1(line = 'TCP4 192.0.2.7 198.51.100.1 56324 443'): Buffer {
  return Buffer.from(`PROXY ${line}\r\n`)
}

/** The parts of a header of version 2 that tests vary. By default it names 192.0.2.7 over TCP and IPv4. */
export interface Binary {
  readonly command?: number
  readonly family?: number
  readonly addresses?: Buffer
  readonly tlvs?: Buffer
  readonly length?: number
}

/** A header of version 2. */
export function v2({
  command = 0x21,
  family = 0x11,
  addresses = IPV4,
  tlvs = Buffer.alloc(0),
  length,
}: Binary = {}): Buffer {
  const block = Buffer.concat([addresses, tlvs])
  const fixed = Buffer.alloc(4)
  fixed.writeUInt8(command, 0)
  fixed.writeUInt8(family, 1)
  fixed.writeUInt16BE(length ?? block.length, 2)
  return Buffer.concat([SIGNATURE, fixed, block])
}

/** One TLV. */
export function tlv(type: number, value: Buffer, length = value.length): Buffer {
  const start = Buffer.from([type, length >> 8, length & 0xff])
  return Buffer.concat([start, value])
}

/** 192.0.2.7:56324 to 198.51.100.1:443. */
export const IPV4: Buffer = Buffer.from('c0000207c6336401dc0401bb', 'hex')

/** [2001:db8::7]:56324 to [2001:db8::1]:443. */
export const IPV6: Buffer = Buffer.from(
  '20010db8000000000000000000000007' + '20010db8000000000000000000000001' + 'dc0401bb',
  'hex',
)
