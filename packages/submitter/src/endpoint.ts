/** Endpoints that a submission may be sent to. */
import { AdapterError } from '@formbuilder/adapter-sdk/protocol'

/** What is allowed beyond gov.uk. */
export interface EndpointRules {
  /** Also `localhost`, 127.0.0.0/8 and [::1], at any port: for development. Default `false`. */
  readonly allowLocal?: boolean
}

/**
 * The parsed endpoint, if a submission may go there: https, on `gov.uk` or a name below it, at the default port, and
 * written plainly: no credentials, no fragment, no IP address, nothing that is read in two ways.
 * @throws {AdapterError} ERR_ENDPOINT_REFUSED: says why.
 */
export function assertEndpoint(endpoint: string | URL, { allowLocal = false }: EndpointRules = {}): URL {
  const text = String(endpoint)
  const problem = textProblem(text) ?? addressProblem(text, allowLocal)
  const url = URL.parse(text)
  if (problem !== undefined || url === null)
    throw new AdapterError('ERR_ENDPOINT_REFUSED', `the endpoint ${problem ?? 'is not an address'}`)
  return url
}

/** Whether an endpoint is on this machine. */
export function isLocal(endpoint: URL): boolean {
  return LOOPBACK.test(endpoint.hostname)
}

// The text is read before the URL parser makes it pretty: the parser turns full-width letters, percent signs,
// backslashes and numbers into innocent names, and whoever else reads the text may not.
const ADDRESS = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)[^#]*(#?)/i
const AUTHORITY = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/
const GOV_UK = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*gov\.uk$/i
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i
// The URL standard takes a host whose last label is a number for an IPv4 address, in whatever spelling.
const IP_ADDRESS = /^\[|(?:^|\.)(?:\d+|0x[\da-f]*)\.?$/i
const LENGTH_LIMIT = 2048
const NAME_LIMIT = 253

function textProblem(text: string): string | undefined {
  if (text.length > LENGTH_LIMIT) return `is longer than ${LENGTH_LIMIT} characters`
  if (/[^!-~]/.test(text)) return 'holds white space, control characters or characters that are not ASCII'
  if (text.includes('\\')) return 'holds a backslash'
  return undefined
}

function addressProblem(text: string, allowLocal: boolean): string | undefined {
  const [, scheme = '', authority = '', fragment] = ADDRESS.exec(text) ?? []
  if (scheme === '') return 'is not an absolute address, such as https://adapter.service.gov.uk/v2/form'
  if (scheme.toLowerCase() !== 'https') return 'is not https'
  if (authority.includes('@')) return 'holds credentials'
  if (fragment !== '') return 'holds a fragment'
  const [, host = '', port] = AUTHORITY.exec(authority) ?? []
  if (LOOPBACK.test(host)) return allowLocal ? undefined : 'is on this machine, which is for development only'
  if (IP_ADDRESS.test(host)) return 'names an IP address'
  if (!GOV_UK.test(host) || host.length > NAME_LIMIT) return 'is not on gov.uk or a name below it'
  if (/(?:^|\.)xn--/i.test(host)) return 'has an internationalised name'
  if (port !== undefined && port !== '443') return 'names another port than 443'
  return undefined
}
