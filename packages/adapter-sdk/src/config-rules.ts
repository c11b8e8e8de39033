/** Rules for settings that go beyond one setting's own text: files, addresses, and settings that depend on each other. */
import { accessSync, constants, statSync } from 'node:fs'
import { isLoopback, LIMITS, networks } from '@formbuilder/secure-server'
import { type SETTINGS, serverSetting } from './config-table.ts'
import { AdapterError } from './errors.ts'
import { attachmentHosts } from './files/hosts.ts'
import type { Values } from './settings.ts'

type Settings = Partial<Values<typeof SETTINGS>>

/** Returns the problems of these settings. Each one starts with the name of a setting and quotes no value. */
export function brokenRules(
  settings: Settings,
  server: Readonly<Partial<Record<string, number>>>,
  forms: readonly string[],
): string[] {
  return [
    ...unusable(settings),
    ...inconsistent(settings),
    ...tooFewPlaces(settings, forms),
    ...serverTimes(server),
    ...serverSizes(settings, server),
    ...hops(settings, server),
  ]
}

/** Finds at once what would otherwise fail later, one start after another: files, URLs and hosts that cannot be used. */
function unusable(settings: Settings): string[] {
  const problems = (['TLS_CERT_FILE', 'TLS_KEY_FILE'] as const).flatMap((name) => unreadable(name, settings[name]))
  try {
    attachmentHosts(settings.ATTACHMENT_HOSTS)
  } catch (error) {
    if (!(error instanceof AdapterError)) throw error
    problems.push(error.message)
  }
  return problems
}

function unreadable(name: string, file: string | undefined): string[] {
  try {
    if (file === undefined) return []
    accessSync(file, constants.R_OK)
    return statSync(file).isDirectory() ? [`${name} names a folder, not a file`] : []
  } catch (error) {
    return [`${name} names a file that cannot be read (${(error as NodeJS.ErrnoException).code})`]
  }
}

/** Problems between settings. */
function inconsistent(settings: Settings): string[] {
  const problems: string[] = []
  const certificate = [settings.TLS_CERT_FILE, settings.TLS_KEY_FILE].filter((file) => file !== undefined)
  const isBehindProxy = (settings.TRUST_PROXY ?? []).length > 0
  if (settings.ADAPTER_ROLE !== 'worker' && certificate.length < 2 && !isBehindProxy) {
    problems.push('TLS_CERT_FILE and TLS_KEY_FILE are required, unless TRUST_PROXY names the ingress that ends TLS')
  }
  if (certificate.length === 1) problems.push('TLS_CERT_FILE and TLS_KEY_FILE must be set together')
  if (certificate.length === 2 && isBehindProxy) problems.push('TRUST_PROXY and TLS_CERT_FILE must not both be set')
  problems.push(...invalidNetworks('TRUST_PROXY', settings.TRUST_PROXY))
  if ((settings.METRICS_AUTH_USERNAME === undefined) !== (settings.METRICS_AUTH_PASSWORD === undefined)) {
    problems.push('METRICS_AUTH_USERNAME and METRICS_AUTH_PASSWORD must be set together')
  }
  if (settings.SHOW_ERRORS && !isLoopback(settings.LISTEN_HOST ?? ''))
    problems.push('SHOW_ERRORS is for development: it needs a loopback address as LISTEN_HOST')
  problems.push(...operatorPage(settings))
  if ((settings.RETRY_DELAY_MAX_SECONDS ?? 0) < (settings.RETRY_DELAY_SECONDS ?? 0)) {
    problems.push('RETRY_DELAY_MAX_SECONDS must not be less than RETRY_DELAY_SECONDS')
  }
  return problems
}

function operatorPage(settings: Settings): string[] {
  if (settings.ADMIN_PORT === undefined) return []
  const problems: string[] = []
  const proxies = settings.ADMIN_TRUSTED_PROXIES ?? []
  const isForwarded = settings.ADMIN_FORWARDED_USER_HEADER !== undefined
  if ((settings.ADMIN_AUTH_USERNAME === undefined) !== (settings.ADMIN_AUTH_PASSWORD === undefined)) {
    problems.push('ADMIN_AUTH_USERNAME and ADMIN_AUTH_PASSWORD must be set together')
  } else if (settings.ADMIN_AUTH_PASSWORD === undefined && !isForwarded) {
    problems.push('ADMIN_PORT needs ADMIN_AUTH_USERNAME and ADMIN_AUTH_PASSWORD, or ADMIN_FORWARDED_USER_HEADER')
  }
  for (const name of ['ADMIN_AUTH_PASSWORD', 'ADMIN_READER_PASSWORD'] as const) {
    if ((settings[name]?.length ?? 12) < 12) problems.push(`${name} must have 12 characters or more`)
  }
  problems.push(...readers(settings))
  if (isForwarded && proxies.length === 0) {
    problems.push('ADMIN_FORWARDED_USER_HEADER needs ADMIN_TRUSTED_PROXIES: without it, anybody could send the header')
  }
  if (!isLoopback(settings.ADMIN_HOST ?? '') && settings.TLS_CERT_FILE === undefined && proxies.length === 0) {
    problems.push(
      'ADMIN_HOST needs TLS_CERT_FILE and TLS_KEY_FILE, or ADMIN_TRUSTED_PROXIES, unless it is a loopback address',
    )
  }
  problems.push(...invalidNetworks('ADMIN_TRUSTED_PROXIES', proxies))
  if (settings.ADMIN_PORT !== 0 && settings.ADMIN_PORT === settings.PORT) {
    problems.push('ADMIN_PORT and PORT must differ')
  }
  return problems
}

/** Who may look and not act. A mistake here must not let somebody act, or keep everybody from it. */
function readers(settings: Settings): string[] {
  const problems: string[] = []
  const isForwarded = settings.ADMIN_FORWARDED_USER_HEADER !== undefined
  const hasWriters = (settings.ADMIN_WRITERS ?? []).length > 0
  if ((settings.ADMIN_READER_USERNAME === undefined) !== (settings.ADMIN_READER_PASSWORD === undefined)) {
    problems.push('ADMIN_READER_USERNAME and ADMIN_READER_PASSWORD must be set together')
  }
  if (settings.ADMIN_READER_USERNAME !== undefined && settings.ADMIN_READER_USERNAME === settings.ADMIN_AUTH_USERNAME) {
    problems.push('ADMIN_READER_USERNAME and ADMIN_AUTH_USERNAME must differ')
  }
  if (hasWriters && !isForwarded) problems.push('ADMIN_WRITERS needs ADMIN_FORWARDED_USER_HEADER')
  if (settings.ADMIN_FORWARDED_GROUPS_HEADER !== undefined && !(isForwarded && hasWriters)) {
    problems.push('ADMIN_FORWARDED_GROUPS_HEADER needs ADMIN_FORWARDED_USER_HEADER and ADMIN_WRITERS')
  }
  const [user, groups] = [settings.ADMIN_FORWARDED_USER_HEADER, settings.ADMIN_FORWARDED_GROUPS_HEADER]
  if (user !== undefined && user.toLowerCase() === groups?.toLowerCase()) {
    problems.push('ADMIN_FORWARDED_GROUPS_HEADER and ADMIN_FORWARDED_USER_HEADER must differ')
  }
  return problems
}

function invalidNetworks(name: string, texts: readonly string[] = []): string[] {
  try {
    networks(texts)
    return []
  } catch {
    return [`${name} must be addresses or networks such as 10.0.0.0/8`]
  }
}

/** One place always stays free for each form. */
function tooFewPlaces({ CONCURRENCY }: Settings, forms: readonly string[]): string[] {
  return CONCURRENCY !== undefined && CONCURRENCY < forms.length
    ? [`CONCURRENCY must be at least ${forms.length}, one for each form`]
    : []
}

/** The server checks this too, but only after the store is open, and names its limits instead of our settings. */
function serverTimes(settings: Readonly<Partial<Record<string, number>>>): string[] {
  const [headers, request] = [serverSetting('headersSeconds'), serverSetting('requestSeconds')]
  return (settings[headers] ?? 0) > (settings[request] ?? Number.POSITIVE_INFINITY)
    ? [`${headers} must not be more than ${request}`]
    : []
}

/** By default the server makes room for the largest body. */
function serverSizes({ BODY_LIMIT_BYTES = 0 }: Settings, server: Readonly<Partial<Record<string, number>>>): string[] {
  const held = serverSetting('heldBodyBytes')
  const { [held]: most = BODY_LIMIT_BYTES } = server
  return most !== LIMITS.heldBodyBytes.value && BODY_LIMIT_BYTES > most
    ? [`BODY_LIMIT_BYTES must not be more than ${held}`]
    : []
}

/** While files are fetched, nothing is sent to the sender: a connection that counts as stalled would be cut. */
function hops(
  { ATTACHMENT_TIMEOUT_SECONDS = 0 }: Settings,
  server: Readonly<Partial<Record<string, number>>>,
): string[] {
  const stall = serverSetting('stallSeconds')
  return ATTACHMENT_TIMEOUT_SECONDS >= (server[stall] ?? Number.POSITIVE_INFINITY)
    ? [`ATTACHMENT_TIMEOUT_SECONDS must be less than ${stall}`]
    : []
}
