/** Opens an attachment link: https only, allowed hosts, checked addresses, no redirect, no proxy. */
import { type LookupAddress, lookup } from 'node:dns'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { promisify } from 'node:util'
import { contentCodings, headerWords } from '@formbuilder/secure-server'
import { AdapterError } from '../errors.ts'
import { type After, deadline, within } from './deadline.ts'
import { type AttachmentHosts, isPublicAddress, reachOf } from './hosts.ts'

/** All addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>

/** What a link is opened with. */
export interface LinkOptions {
  readonly hosts: AttachmentHosts
  readonly resolve: Resolve
  /** Largest body, in bytes as sent. */
  readonly limitBytes: number
  /** Time until the answer starts, in seconds. */
  readonly connectTimeoutSeconds: number
  readonly agent: Agent
  readonly signal: AbortSignal
  /** The clock of that time. Default: the process's. */
  readonly after?: After
}

/** The agent that connects to links. `authorities` (PEM) replace those of the system. */
export function linkAgent(authorities?: readonly string[]): Agent {
  // node:https rather than axios: it needs only an agent with a `lookup` for each request, and has no redirects, proxies
  // or decompression to switch off. One connection for each file: none is reused after the check of its address.
  // `rejectUnauthorized` is set here so that NODE_TLS_REJECT_UNAUTHORIZED=0 has no effect.
  const ca = authorities === undefined ? {} : { ca: [...authorities] }
  return new Agent({ keepAlive: false, rejectUnauthorized: true, minVersion: 'TLSv1.2', ...ca })
}

/** The system's resolver: what /etc/hosts and DNS say. */
export const systemResolve: Resolve = async (hostname) => await promisify(lookup)(hostname, { all: true })

/**
 * Sends one GET. Resolves when the answer is 200, states where its body ends, and is not too large.
 * If the body breaks off, it fails with an error of Node; `brokenOff` translates that.
 * @throws {AdapterError} ERR_ATTACHMENT_REFUSED, _UNREACHABLE, _STATUS, _TIMEOUT, _TOO_LARGE, _NOT_HEX; the reason of the signal
 */
export async function openLink(link: string, options: LinkOptions): Promise<IncomingMessage> {
  const seconds = options.connectTimeoutSeconds
  using connecting = deadline(
    seconds,
    () => timedOut(`the link did not start to answer within ${seconds} seconds`),
    options.signal,
    options.after,
  )
  const url = parseLink(link)
  const addresses = await addressesOf(url, options, connecting.signal)
  const response = await answer(url, addresses, options.agent, connecting.signal)
  try {
    assertAnswer(response, options.limitBytes)
    return response
  } catch (error) {
    response.destroy()
    throw error
  }
}

/** Names a connection that failed or a body that broke off, by the code of the foreign error and nothing else of it. */
export function brokenOff(error: unknown): AdapterError {
  if (error instanceof AdapterError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const known = /^[A-Z][A-Z0-9_]{2,63}$/.test(code) ? ` (${code})` : ''
  return new AdapterError('ERR_ATTACHMENT_UNREACHABLE', `the link cannot be reached, or broke off${known}`, {
    cause: error,
  })
}

function parseLink(link: string): URL {
  if (!URL.canParse(link)) throw refused('the url is no URL')
  const url = new URL(link)
  if (url.protocol !== 'https:') throw refused('the url is not https')
  if (url.username !== '' || url.password !== '') throw refused('the url has credentials')
  return url
}

async function addressesOf(url: URL, { hosts, resolve }: LinkOptions, signal: AbortSignal): Promise<LookupAddress[]> {
  const reach = reachOf(url, hosts)
  if (reach === undefined) throw refused('the url has a host or port that ATTACHMENT_HOSTS does not allow')

  const hostname = url.hostname.replace(/^\[|\]$/g, '')
  const family = isIP(hostname)
  const addresses = family === 0 ? await resolved(hostname, resolve, signal) : [{ address: hostname, family }]
  if (addresses.length === 0) throw new AdapterError('ERR_ATTACHMENT_UNREACHABLE', 'the host of the url has no address')
  // One bad address refuses the link: a name that answers with a public and a private one is an attempt to get in.
  if (reach === 'public' && !addresses.every(({ address }) => isPublicAddress(address)))
    throw refused('the host of the url stands for an address that is not public')
  return addresses
}

async function resolved(hostname: string, resolve: Resolve, signal: AbortSignal): Promise<LookupAddress[]> {
  try {
    return [...(await within(signal, resolve(hostname)))]
  } catch (error) {
    throw signal.aborted ? signal.reason : brokenOff(error)
  }
}

function answer(url: URL, addresses: LookupAddress[], agent: Agent, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, lookup: pinned(addresses), maxHeaderSize: HEADER_LIMIT_BYTES })
    const abort = () => outgoing.destroy(signal.reason)
    outgoing.once('response', (response) => {
      signal.removeEventListener('abort', abort)
      resolve(response)
    })
    outgoing.on('error', (error) => {
      signal.removeEventListener('abort', abort)
      reject(brokenOff(error))
    })
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    else outgoing.end()
  })
}

/** Gives the connection the addresses that were checked, so that there is no second resolution to answer differently. */
function pinned(addresses: LookupAddress[]): LookupFunction {
  return (_hostname, options, callback) => {
    const [first] = addresses
    if (options.all) callback(null, addresses)
    else callback(null, first?.address ?? '', first?.family)
  }
}

function assertAnswer({ statusCode = 0, headers }: IncomingMessage, limitBytes: number): void {
  if (statusCode >= 300 && statusCode < 400) throw refused(`the answer is a redirect (${statusCode})`)
  if (statusCode !== 200) throw new AdapterError('ERR_ATTACHMENT_STATUS', `the answer is ${statusCode}`)

  // Another word, such as a character set, is no compression: whether the body is a file is seen in its digits and padding.
  if (contentCodings(headers['content-encoding']).some((coding) => COMPRESSIONS.has(coding)))
    throw new AdapterError('ERR_ATTACHMENT_NOT_HEX', 'the answer has a content encoding')

  const length = headers['content-length']
  const transferCodings = headerWords(headers['transfer-encoding'])
  // Without either, a body that was cut short looks complete.
  if (length === undefined && transferCodings.at(-1) !== 'chunked')
    throw new AdapterError('ERR_ATTACHMENT_UNREACHABLE', 'the answer does not say where it ends')
  if (transferCodings.length > 1) throw new AdapterError('ERR_ATTACHMENT_NOT_HEX', 'the answer has a transfer coding')
  if (length !== undefined && Number(length) > limitBytes) {
    const sizes = `the answer has ${length} bytes, allowed are ${limitBytes}`
    throw new AdapterError('ERR_ATTACHMENT_TOO_LARGE', sizes)
  }
}

const refused = (message: string) => new AdapterError('ERR_ATTACHMENT_REFUSED', message)

const timedOut = (message: string) => new AdapterError('ERR_ATTACHMENT_TIMEOUT', message)

const HEADER_LIMIT_BYTES = 16_384

/** The content codings that are registered with IANA. */
const COMPRESSIONS: ReadonlySet<string> = new Set(
  'aes128gcm br compress dcb dcz deflate exi gzip pack200-gzip x-compress x-gzip zstd'.split(' '),
)
