/** Network addresses as keys of limits, and the proxies that may speak for others. */
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'
import { SecureServerError } from './errors.ts'

/**
 * The address that limits count: IPv4 as it is (also when mapped into IPv6), IPv6 by its /64, since whoever holds one
 * address of a /64 usually holds all.
 */
export function addressKey(address: string | undefined): string {
  if (address === undefined) return 'unknown'
  if (isIPv4(address)) return address
  const mapped = MAPPED.exec(address)
  if (mapped?.[1] !== undefined) return mapped[1]
  return isIPv6(address) ? `${prefix64(address)}::/64` : 'unknown'
}

/** The proxies in front of the server that are believed. */
export class TrustedProxies {
  readonly #list = new BlockList()

  /** @throws {SecureServerError} ERR_OPTIONS_INVALID: an entry is no address and no CIDR. */
  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      const [address = '', bits, ...rest] = entry.split('/')
      const family = isIPv4(address) ? 'ipv4' : 'ipv6'
      const length = bits === undefined ? undefined : Number(bits)
      const valid = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 'ipv4' ? 32 : 128))
      if (isIP(address) === 0 || rest.length > 0 || !valid)
        throw new SecureServerError('ERR_OPTIONS_INVALID', 'trustProxy has an entry that is no address and no CIDR')
      if (length === undefined) this.#list.addAddress(address, family)
      else this.#list.addSubnet(address, length, family)
    }
  }

  /** Whether a peer, or an entry of `X-Forwarded-For`, is one of the proxies. */
  includes(address: string | undefined): boolean {
    if (address === undefined) return false
    const plain = MAPPED.exec(address)?.[1] ?? address
    return isIP(plain) !== 0 && this.#list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6')
  }

  /** The nearest address in `X-Forwarded-For` that is not a proxy of ours; whatever stands left of it may be invented. */
  clientOf(forwardedFor: string | undefined): string | undefined {
    if (forwardedFor === undefined) return undefined
    const hops = forwardedFor.split(',')
    for (let i = hops.length - 1; i >= 0; i--) {
      const hop = (hops[i] ?? '').trim()
      if (isIP(hop) === 0) return undefined
      if (!this.includes(hop)) return hop
    }
    return undefined
  }
}

const MAPPED = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i

function prefix64(address: string): string {
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const missing = tail === undefined ? 0 : 8 - left.length - right.length
  const groups = [...left, ...Array<string>(Math.max(0, missing)).fill('0'), ...right]
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}
