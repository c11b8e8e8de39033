/** Finds the blocks of a PEM file (RFC 7468), and says what a file is that has none of the kind that was looked for. */

/** One block: its label, such as `CERTIFICATE`, and the whole of it with its two lines. */
export interface PemBlock {
  readonly label: string
  readonly pem: string
}

/** The blocks of a file in their order. Text between them, line ends of any kind and a byte order mark are skipped. */
export function pemBlocks(contents: Buffer): PemBlock[] {
  const found = contents.toString('latin1').matchAll(BLOCK)
  return [...found].map(([block, label = '']) => ({ label, pem: `${block.replaceAll('\r\n', '\n')}\n` }))
}

/** Why a file has no block that is wanted. Names what it is instead, and never quotes it. */
export function whyNotPem(contents: Buffer, blocks: readonly PemBlock[]): string {
  if (contents.every((byte) => byte <= SPACE)) return 'is empty'
  if (blocks.length > 0) return `has ${[...new Set(blocks.map(({ label }) => label))].join(' and ')} instead`
  if (contents[0] === DER_SEQUENCE) return 'is DER or PKCS #12, not PEM'
  if (UTF_16.some((mark) => contents.subarray(0, 2).equals(mark))) return 'is UTF-16: save it as ASCII'
  return contents.includes('-----BEGIN ') ? 'is PEM that is cut off' : 'is not PEM'
}

/** A label has no hyphens, and neither does a body: the search never goes back. */
const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----([^-]*)-----END \1-----/g
const SPACE = 0x20
const DER_SEQUENCE = 0x30
const UTF_16 = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])]
