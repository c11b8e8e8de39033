/** Rules for settings that go beyond one setting's own text: files, addresses, and settings that depend on each other. */
import { accessSync, constants } from 'node:fs'
import { type SETTINGS, serverSetting } from './config-table.ts'
import { AdapterError } from './errors.ts'
import { attachmentHosts } from './files/hosts.ts'
import { isLoopback, networks } from './networks.ts'
import type { Values } from './settings.ts'

type Settings = Partial<Values<typeof SETTINGS>>

/** Returns the problems of these settings. Each one starts with the name of a setting and quotes no value. */
export function brokenRules(settings: Settings, server: Readonly<Partial<Record<string, number>>>): string[] {
  return [...unusable(settings), ...together(settings), ...serverTimes(server)]
}

/** What would be found wrong with a text or a file only when it is put to use: by then one after another. */
function unusable(values: Settings): string[] {
  const problems = (['TLS_CERT_FILE', 'TLS_KEY_FILE'] as const).flatMap((name) => unreadable(name, values[name]))
  if (values.DATABASE_URL !== undefined && !/^postgres(ql)?:\/\//.test(values.DATABASE_URL)) {
    problems.push('DATABASE_URL must begin with postgresql:// or postgres://')
  }
  try {
    attachmentHosts(values.ATTACHMENT_HOSTS)
  } catch (error) {
    if (!(error instanceof AdapterError)) throw error
    problems.push(error.message)
  }
  return problems
}

function unreadable(name: string, file: string | undefined): string[] {
  try {
    if (file !== undefined) accessSync(file, constants.R_OK)
    return []
  } catch (error) {
    return [`${name} names a file that cannot be read (${(error as NodeJS.ErrnoException).code})`]
  }
}

/** What can only be seen of several settings at once. */
function together(values: Settings): string[] {
  const problems: string[] = []
  const certificate = [values.TLS_CERT_FILE, values.TLS_KEY_FILE].filter((file) => file !== undefined)
  const behindProxy = (values.TRUST_PROXY ?? []).length > 0
  if (values.ADAPTER_ROLE !== 'worker' && certificate.length < 2 && !behindProxy) {
    problems.push('TLS_CERT_FILE and TLS_KEY_FILE are needed, unless TRUST_PROXY names the ingress that ends TLS')
  }
  if (certificate.length === 1) problems.push('TLS_CERT_FILE and TLS_KEY_FILE go together')
  if (certificate.length === 2 && behindProxy) problems.push('TRUST_PROXY and TLS_CERT_FILE exclude each other')
  problems.push(...unreadableNetworks('TRUST_PROXY', values.TRUST_PROXY))
  if ((values.METRICS_AUTH_USERNAME === undefined) !== (values.METRICS_AUTH_PASSWORD === undefined)) {
    problems.push('METRICS_AUTH_USERNAME and METRICS_AUTH_PASSWORD go together')
  }
  problems.push(...operatorPage(values))
  if (values.SENTRY_DSN !== undefined && !/^https?:\/\/[^@/\s]+@[^/\s]+\/.*\d+$/.test(values.SENTRY_DSN)) {
    problems.push('SENTRY_DSN must be like https://key@host/1')
  }
  if ((values.RETRY_DELAY_MAX_SECONDS ?? 0) < (values.RETRY_DELAY_SECONDS ?? 0)) {
    problems.push('RETRY_DELAY_MAX_SECONDS must not be less than RETRY_DELAY_SECONDS')
  }
  if (values.ADAPTER_ROLE !== 'all' && values.DATABASE_URL === undefined && values.ADAPTER_ROLE !== undefined) {
    problems.push('ADAPTER_ROLE web or worker needs DATABASE_URL: the embedded store belongs to one process')
  }
  return problems
}

function operatorPage(values: Settings): string[] {
  if (values.ADMIN_PORT === undefined) return []
  const problems: string[] = []
  const proxies = values.ADMIN_TRUSTED_PROXIES ?? []
  const isForwarded = values.ADMIN_FORWARDED_USER_HEADER !== undefined
  if ((values.ADMIN_AUTH_USERNAME === undefined) !== (values.ADMIN_AUTH_PASSWORD === undefined)) {
    problems.push('ADMIN_AUTH_USERNAME and ADMIN_AUTH_PASSWORD go together')
  } else if (values.ADMIN_AUTH_PASSWORD === undefined && !isForwarded) {
    problems.push('ADMIN_PORT needs ADMIN_AUTH_USERNAME and ADMIN_AUTH_PASSWORD, or ADMIN_FORWARDED_USER_HEADER')
  }
  if ((values.ADMIN_AUTH_PASSWORD?.length ?? 12) < 12) {
    problems.push('ADMIN_AUTH_PASSWORD must have 12 characters or more')
  }
  if (isForwarded && proxies.length === 0) {
    problems.push('ADMIN_FORWARDED_USER_HEADER needs ADMIN_TRUSTED_PROXIES: from others it would be believed')
  }
  if (isForwarded && !/^[\w-]{1,64}$/.test(values.ADMIN_FORWARDED_USER_HEADER ?? '')) {
    problems.push('ADMIN_FORWARDED_USER_HEADER must be the name of a header')
  }
  if (!isLoopback(values.ADMIN_HOST ?? '') && values.TLS_CERT_FILE === undefined && proxies.length === 0) {
    problems.push('ADMIN_HOST beyond loopback needs TLS_CERT_FILE and TLS_KEY_FILE, or ADMIN_TRUSTED_PROXIES')
  }
  problems.push(...unreadableNetworks('ADMIN_TRUSTED_PROXIES', proxies))
  if (values.ADMIN_PORT !== 0 && values.ADMIN_PORT === values.PORT) {
    problems.push('ADMIN_PORT and PORT must differ')
  }
  return problems
}

function unreadableNetworks(name: string, texts: readonly string[] = []): string[] {
  try {
    networks(texts)
    return []
  } catch {
    return [`${name} must be addresses or networks such as 10.0.0.0/8`]
  }
}

/** The server asks this of its own limits too, but by their names there and only once the store is open. */
function serverTimes(values: Readonly<Partial<Record<string, number>>>): string[] {
  const [headers, request] = [serverSetting('headersSeconds'), serverSetting('requestSeconds')]
  return (values[headers] ?? 0) > (values[request] ?? Number.POSITIVE_INFINITY)
    ? [`${headers} must not be more than ${request}`]
    : []
}
