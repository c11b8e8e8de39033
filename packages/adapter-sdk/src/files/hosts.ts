/** Checks attachment links against allowed hosts, and their addresses against private networks. */
import ipaddr from 'ipaddr.js'
import { AdapterError } from '../errors.ts'

/** The S3 hosts that the platform's links lead to, as a value of `ATTACHMENT_HOSTS`: bucket in the name or in the path. */
export const DEFAULT_ATTACHMENT_HOSTS = [
  '*.s3.eu-west-2.amazonaws.com',
  's3.eu-west-2.amazonaws.com',
  '*.s3.amazonaws.com',
  's3.amazonaws.com',
].join(',')

/** A parsed `ATTACHMENT_HOSTS`. */
export interface AttachmentHosts {
  /** Host names as labels; `*` stands for exactly one. Port 443 and public addresses only. */
  readonly patterns: readonly (readonly string[])[]
  /** `host:port` one origin, which may have a private address. */
  readonly origins: ReadonlySet<string>
}

/** Which addresses a link may lead to: public ones, or any, because its origin was named with its port. */
export type Reach = 'public' | 'any'

/** The hosts of the setting; when it names none, those of the platform. @throws as `parseAttachmentHosts`. */
export function attachmentHosts(entries: readonly string[] = []): AttachmentHosts {
  return parseAttachmentHosts(entries.join(',') || DEFAULT_ATTACHMENT_HOSTS)
}

/**
 * Parses `ATTACHMENT_HOSTS`: comma-separated host names, `*` for exactly one label (never the last); an entry with a
 * port (`localhost:9443`, `[::1]:9443`) is one origin, and only such an entry may have a private address.
 * @throws {AdapterError} ERR_CONFIG_INVALID: naming the entries that are neither, by their positions.
 */
export function parseAttachmentHosts(text: string): AttachmentHosts {
  const patterns: string[][] = []
  const origins = new Set<string>()
  const wrong: number[] = []
  for (const [i, entry] of text
    .split(',')
    .map((padded) => padded.trim())
    .entries()) {
    const origin = /:\d+$/.test(entry) ? originOf(entry) : undefined
    const labels = origin === undefined ? labelsOf(entry) : undefined
    if (origin !== undefined) origins.add(origin)
    else if (labels !== undefined) patterns.push(labels)
    else wrong.push(i + 1)
  }
  if (wrong.length > 0) {
    const which = `${wrong.length === 1 ? 'entry' : 'entries'} ${wrong.join(', ')}`
    const expected = 'a host name (a label may be *, the last may not) or a host with a port'
    throw new AdapterError('ERR_CONFIG_INVALID', `ATTACHMENT_HOSTS: ${which}: expected ${expected}`)
  }
  return { patterns, origins }
}

/** The entry of `ATTACHMENT_HOSTS` that allows a link; `undefined` when none does. */
export function entryFor(link: string, hosts: AttachmentHosts): string | undefined {
  const url = URL.parse(link)
  if (url === null) return undefined
  const origin = placeOf(url)
  return hosts.origins.has(origin) ? origin : patternFor(url, hosts)?.join('.')
}

/** Every value that `entryFor` can return. */
export function entriesOf({ patterns, origins }: AttachmentHosts): string[] {
  return [...origins, ...patterns.map((labels) => labels.join('.'))]
}

/** What a link to this URL may reach; `undefined` when the link is not allowed at all. Looks at host and port only. */
export function reachOf(url: URL, hosts: AttachmentHosts): Reach | undefined {
  if (hosts.origins.has(placeOf(url))) return 'any'
  return patternFor(url, hosts) === undefined ? undefined : 'public'
}

/** Host and port, as `origins` has them. */
function placeOf({ hostname, port }: URL): string {
  return `${hostname}:${port === '' ? '443' : port}`
}

function patternFor(url: URL, { patterns }: AttachmentHosts): readonly string[] | undefined {
  if (url.port !== '') return undefined
  const labels = url.hostname.split('.')
  const fits = (pattern: readonly string[]) =>
    pattern.length === labels.length &&
    pattern.every((label, i) => label === labels[i] || (label === '*' && labels[i] !== ''))
  return patterns.find(fits)
}

/**
 * Whether an address belongs to the public internet, judged by the address alone: no private, loopback, link-local, shared,
 * multicast, reserved or documentation range, and no IPv6 form that carries an IPv4 address (mapped, NAT64, 6to4, Teredo).
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  const parsed = ipaddr.parse(address)
  if (parsed.range() !== 'unicast') return false
  // Only 2000::/3 is given out as global unicast (RFC 4291 section 2.4); ipaddr.js calls all unlisted space unicast.
  return parsed instanceof ipaddr.IPv4 || parsed.match(ipaddr.IPv6.parseCIDR('2000::/3'))
}

function originOf(entry: string): string | undefined {
  if (!URL.canParse(`https://${entry}`)) return undefined
  const { hostname, port, href } = new URL(`https://${entry}`)
  const host = hostname === '' || hostname.includes('*') ? undefined : hostname
  const origin = `https://${host}${port === '' ? '' : `:${port}`}/`
  return host !== undefined && href === origin && port !== '0' ? `${host}:${port === '' ? '443' : port}` : undefined
}

function labelsOf(entry: string): string[] | undefined {
  const labels = entry.toLowerCase().split('.')
  const last = labels.at(-1) ?? ''
  // A last label of digits would be an IPv4 address; URLs know international names in their ASCII form only.
  const named = last !== '*' && !/^\d+$/.test(last) && labels.every((label) => label === '*' || LABEL.test(label))
  return named ? labels : undefined
}

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/
