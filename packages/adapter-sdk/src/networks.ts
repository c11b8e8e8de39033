/** Addresses, and the networks that hold them. */
import ipaddr from 'ipaddr.js'

/** Whether a listen address is reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || (ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback')
}

/**
 * Tells whether an address lies in one of the networks (`10.0.0.0/8`, `127.0.0.1`, `::1`).
 * @throws {TypeError} a network does not parse; the message gives its position only.
 */
export function networks(texts: readonly string[]): (address: string | undefined) => boolean {
  const ranges = texts.map((text, position) => {
    if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text)
    if (!ipaddr.isValid(text)) throw new TypeError(`network ${position + 1} does not parse`)
    const address = ipaddr.process(text)
    return [address, address.kind() === 'ipv4' ? 32 : 128] as [typeof address, number]
  })
  return (text) => {
    if (text === undefined || !ipaddr.isValid(text)) return false
    const address = ipaddr.process(text)
    return ranges.some(([range, bits]) => range.kind() === address.kind() && address.match(range, bits))
  }
}
