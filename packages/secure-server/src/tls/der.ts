/** A DER reader for CRLs: general ASN.1 libraries take seconds for a large CRL, or fail. */

/** One element: its tag, its content, and the whole element including tag and length. */
export interface DerElement {
  readonly tag: number
  readonly content: Buffer
  readonly whole: Buffer
}

/** Where an element's content starts and ends. */
export interface DerSpan {
  readonly tag: number
  readonly start: number
  readonly end: number
}

/**
 * Finds the element at an offset without copying.
 * @throws {RangeError} Not DER: a length is indefinite, too long, or runs past the end of the bytes.
 */
export function derSpan(bytes: Buffer, offset: number): DerSpan {
  const tag = bytes.readUInt8(offset)
  const first = bytes.readUInt8(offset + 1)
  const lengthBytes = first < 0x80 ? 0 : first - 0x80
  if (first === 0x80 || lengthBytes > 4) throw new RangeError('indefinite or oversized DER length')
  const start = offset + 2 + lengthBytes
  const end = start + (lengthBytes === 0 ? first : bytes.readUIntBE(offset + 2, lengthBytes))
  if (end > bytes.length) throw new RangeError('DER element is cut off')
  return { tag, start, end }
}

/**
 * The consecutive elements in `bytes`.
 * @throws {RangeError} as `derSpan`.
 */
export function derElements(bytes: Buffer): DerElement[] {
  const elements: DerElement[] = []
  for (let offset = 0; offset < bytes.length; ) {
    const { tag, start, end } = derSpan(bytes, offset)
    elements.push({ tag, content: bytes.subarray(start, end), whole: bytes.subarray(offset, end) })
    offset = end
  }
  return elements
}

/** @throws {RangeError} The element is missing or has another tag. */
export function expectTag(element: DerElement | undefined, ...tags: readonly number[]): DerElement {
  if (element === undefined || !tags.includes(element.tag)) throw new RangeError('unexpected DER element')
  return element
}

/** The tags used in a CRL and in a certificate. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  /** `[0]` of both. */
  version: 0xa0,
  extensions: 0xa0,
} as const

/** Parses a UTCTime or GeneralizedTime in the form that RFC 5280 requires: with seconds, ending in Z. */
export function derTime(element: DerElement | undefined): Date {
  const { tag, content } = expectTag(element, TAG.utcTime, TAG.generalizedTime)
  const text = content.toString('latin1')
  const full = tag === TAG.utcTime ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full)
  if (parts === null) throw new RangeError('unexpected DER time')
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = parts.slice(1).map(Number)
  return new Date(Date.UTC(year, month - 1, day, hour, minute, second))
}
