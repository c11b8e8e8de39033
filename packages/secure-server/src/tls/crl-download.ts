/** Downloads a CRL from its distribution point: bounded in bytes and time, without redirects, from allowed addresses only. */
import { lookup } from 'node:dns'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, isIPv4, type LookupFunction } from 'node:net'
import type { CrlRefusal } from '../events.ts'
import { networks, unmapped } from '../networks.ts'

/** The bounds of a download. */
export interface DownloadRules {
  /** For the whole of it. */
  readonly timeoutSeconds: number
  readonly maxBytes: number
  /** Whether a private address may be connected to; public ones always may. */
  readonly isAllowed: (address: string) => boolean
}

/** A CRL that is not taken. */
export class CrlError extends Error {
  override readonly name = 'CrlError'
  readonly reason: CrlRefusal

  constructor(reason: CrlRefusal) {
    super(reason)
    this.reason = reason
  }
}

/** @throws {CrlError} */
export async function download(url: URL, rules: DownloadRules, stopped: AbortSignal): Promise<Buffer> {
  const timeout = AbortSignal.timeout(rules.timeoutSeconds * 1000)
  try {
    return await bytesOf(await answerFrom(url, rules, AbortSignal.any([timeout, stopped])), rules.maxBytes)
  } catch (error) {
    if (error instanceof CrlError) throw error
    throw new CrlError(timeout.aborted ? 'timeout' : 'unreachable')
  }
}

function answerFrom(url: URL, { isAllowed }: DownloadRules, signal: AbortSignal): Promise<IncomingMessage> {
  const mayReach = (address: string): boolean => isPublic(address) || isAllowed(address)
  return new Promise((resolve, reject) => {
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    // Node resolves no name that is an address already.
    if (isIP(host) !== 0 && !mayReach(host)) return reject(new CrlError('address'))
    const request = url.protocol === 'https:' ? requestHttps : requestHttp
    const sent = request(url, {
      agent: false,
      signal,
      lookup: checkedLookup(mayReach),
      headers: { Accept: 'application/pkix-crl, */*', 'Accept-Encoding': 'identity' },
    })
    sent.once('response', resolve).once('error', reject).end()
  })
}

async function bytesOf(answer: IncomingMessage, maxBytes: number): Promise<Buffer> {
  try {
    // A redirect leads to a host that nobody has configured.
    if (answer.statusCode !== 200) throw new CrlError('status')
    if ((answer.headers['content-encoding'] ?? 'identity') !== 'identity') throw new CrlError('encoding')
    if (Number(answer.headers['content-length'] ?? 0) > maxBytes) throw new CrlError('size')
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > maxBytes) throw new CrlError('size')
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  } finally {
    answer.destroy()
  }
}

/** Checks what a name resolves to at the moment of connecting, so that it cannot lead elsewhere between check and use. */
function checkedLookup(mayReach: (address: string) => boolean): LookupFunction {
  return (hostname, options, done) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return done(error, [])
      const [first] = found
      if (first === undefined || !found.every(({ address }) => mayReach(address)))
        return done(new CrlError('address'), [])
      return options.all ? done(null, found) : done(null, first.address, first.family)
    })
  }
}

/** Whether an address belongs to the public internet (IANA's registries of special-purpose addresses). */
function isPublic(address: string): boolean {
  const plain = unmapped(address)
  if (isIPv4(plain)) return !isSpecialIPv4(plain)
  return isGlobalIPv6(plain) && !isSpecialIPv6(plain)
}

const isSpecialIPv4 = networks([
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24'],
  ...['203.0.113.0/24', '224.0.0.0/3'],
])
const isGlobalIPv6 = networks(['2000::/3'])
/** Documentation, and forms that carry an IPv4 address. */
const isSpecialIPv6 = networks(['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'])
