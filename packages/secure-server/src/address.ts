/** The address that per-address limits count, and the trusted proxies that may name a client's address. */
import { isIP, isIPv4, isIPv6 } from 'node:net'
import { SecureServerError } from './errors.ts'
import { headerWords } from './header-values.ts'
import { networks, unmapped } from './networks.ts'

/**
 * The key under which limits count an address: IPv4 as it is (also when mapped into IPv6), IPv6 by its /64, because one
 * client usually controls a whole /64.
 */
export function addressKey(address: string | undefined): string {
  if (address === undefined) return 'unknown'
  if (isIPv4(address)) return address
  const plain = unmapped(address)
  if (plain !== address) return plain
  return isIPv6(address) ? `${prefix64(address)}::/64` : 'unknown'
}

/**
 * A function that says whether an address is in one of the networks of an option.
 * @throws {SecureServerError} ERR_OPTIONS_INVALID: an entry is neither an address nor a network.
 */
export function addresses(option: string, entries: readonly string[]): (address: string | undefined) => boolean {
  try {
    return networks(entries)
  } catch {
    throw new SecureServerError('ERR_OPTIONS_INVALID', `${option} has an entry that is neither an address nor a CIDR`)
  }
}

/** The proxies in front of the server whose forwarding headers are trusted. */
export class TrustedProxies {
  /** Whether a peer, or an entry of `X-Forwarded-For`, is one of the proxies. */
  readonly includes: (address: string | undefined) => boolean

  /** @throws {SecureServerError} ERR_OPTIONS_INVALID: an entry is neither an address nor a network. */
  constructor(entries: readonly string[]) {
    this.includes = addresses('trustProxy', entries)
  }

  /** The rightmost address in `X-Forwarded-For` that is not a trusted proxy; the client can forge everything left of it. */
  clientOf(forwardedFor: string | undefined): string | undefined {
    for (const entry of headerWords(forwardedFor).toReversed()) {
      const hop = withoutPort(entry)
      if (isIP(hop) === 0) return undefined
      if (!this.includes(hop)) return hop
    }
    return undefined
  }
}

/** The address in an entry that also names the client's port, as some proxies write it: IPv6 is in brackets then. */
function withoutPort(entry: string): string {
  const [, inBrackets, ipv4] = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d{1,5})?$/.exec(entry) ?? []
  return inBrackets ?? ipv4 ?? entry
}

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
