/** Decides which endpoints a submission may be sent to. */
import { BlockList, isIPv6 } from 'node:net'
import { AdapterError } from '@formbuilder/adapter-sdk/protocol'

/** Endpoints that are allowed in addition to gov.uk. */
export interface EndpointRules {
  /**
   * For development: also allow this machine, on any port. By https it is `localhost`, 127.0.0.0/8 or [::1]; by http only an
   * address, 127.0.0.0/8 or [::1], because a name can be made to lead elsewhere. Default `false`.
   */
  readonly allowLocal?: boolean
}

/**
 * Parses an endpoint and checks that a submission may be sent to it. It must be https, on `gov.uk` or a subdomain, on the
 * default port, without credentials, fragment or IP address, and without anything that two programs could read differently.
 * @throws {AdapterError} ERR_ENDPOINT_REFUSED: the message says why.
 */
export function assertEndpoint(endpoint: string | URL, { allowLocal = false }: EndpointRules = {}): URL {
  const text = String(endpoint)
  const problem = textProblem(text) ?? addressProblem(text, allowLocal)
  const url = URL.parse(text)
  if (problem !== undefined || url === null)
    throw new AdapterError('ERR_ENDPOINT_REFUSED', `the endpoint ${problem ?? 'is not a valid URL'}`)
  return url
}

/** Whether an endpoint is on this machine. */
export function isLocal(endpoint: URL): boolean {
  return LOOPBACK.test(endpoint.hostname)
}

/**
 * Checks the address that a connection to an endpoint on this machine has reached, before anything is sent over it.
 * @throws {AdapterError} ERR_ENDPOINT_REFUSED
 */
export function assertLoopback(address: string | undefined): void {
  if (address !== undefined && LOOPBACK_REACHED.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')) return
  throw new AdapterError('ERR_ENDPOINT_REFUSED', 'the connection did not stay on this machine; nothing was sent')
}

// The text is checked before the URL parser normalises it. The parser turns full-width letters, percent signs, backslashes
// and numbers into harmless names, and another program may read them differently.
const ADDRESS = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)[^#]*(#?)/i
const AUTHORITY = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/
const GOV_UK = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*gov\.uk$/i
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i
const LOOPBACK_REACHED = new BlockList()
LOOPBACK_REACHED.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK_REACHED.addAddress('::1', 'ipv6')
// In the URL standard a host whose last label is a number is an IPv4 address, in any notation.
const IP_ADDRESS = /^\[|(?:^|\.)(?:\d+|0x[\da-f]*)\.?$/i
const LENGTH_LIMIT = 2048
const NAME_LIMIT = 253

function textProblem(text: string): string | undefined {
  if (text.length > LENGTH_LIMIT) return `is longer than ${LENGTH_LIMIT} characters`
  if (/[^!-~]/.test(text)) return 'contains white space, control characters or characters that are not ASCII'
  if (text.includes('\\')) return 'contains a backslash'
  return undefined
}

function addressProblem(text: string, allowLocal: boolean): string | undefined {
  const [, scheme = '', authority = '', fragment] = ADDRESS.exec(text) ?? []
  if (scheme === '') return 'is not an absolute URL, such as https://adapter.service.gov.uk/v2/form'
  const [, host = '', port] = AUTHORITY.exec(authority) ?? []
  const problem = schemeProblem(scheme.toLowerCase(), host, allowLocal)
  if (problem !== undefined) return problem
  if (authority.includes('@')) return 'contains credentials'
  if (fragment !== '') return 'contains a fragment'
  if (LOOPBACK.test(host)) return allowLocal ? undefined : 'is on this machine, which is allowed for development only'
  if (IP_ADDRESS.test(host)) return 'is an IP address'
  if (!GOV_UK.test(host) || host.length > NAME_LIMIT) return 'is not on gov.uk or a subdomain of it'
  if (/(?:^|\.)xn--/i.test(host)) return 'has an internationalised name'
  if (port !== undefined && port !== '443') return 'uses a port other than 443'
  return undefined
}

function schemeProblem(scheme: string, host: string, allowLocal: boolean): string | undefined {
  if (scheme === 'https') return undefined
  if (scheme !== 'http' || !LOOPBACK.test(host)) return 'is not https'
  const isName = /^localhost$/i.test(host)
  return isName && allowLocal
    ? 'is not https, and http is allowed to 127.0.0.1 or [::1] only, not to a name'
    : undefined
}
