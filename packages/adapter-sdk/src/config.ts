/** The environment, read once. Nothing else in the package reads `process.env`. */
import { accessSync, constants } from 'node:fs'
import { LIMITS, type Limits } from '@formbuilder/secure-server'
import { AdapterError } from './errors.ts'
import { attachmentHosts } from './files/hosts.ts'
import { isLoopback, networks } from './networks.ts'
import { type Keyring, keyFormProblem, parseKeyring } from './protocol/keyring.ts'
import {
  choice,
  integer,
  list,
  optionalInteger,
  readSettings,
  required,
  type Setting,
  text,
  type Values,
} from './settings.ts'

/** Every setting of an adapter: the table in README.md is checked against this one. */
export const SETTINGS = {
  PORT: integer('Port to listen on; 0 takes any free one', { default: 3000, min: 0, max: 65_535 }),
  LISTEN_HOST: text('Address to listen on', { default: '::' }),
  HOST: text('Public name of this adapter: file links are `https://HOST/v1/attachments/<id>`', {
    default: 'localhost',
  }),
  TLS_CERT_FILE: text('PEM file with the certificate chain; read again when it changes'),
  TLS_KEY_FILE: text('PEM file with the private key; read again when it changes'),
  TRUST_PROXY: list(
    'Addresses or networks of the ingress that ends TLS. Only then the port speaks plain HTTP, and only to them',
  ),
  JWE_SHARED_KEY: text('Shared key of every form that has none of its own: 16 or 32 ASCII characters', {
    secret: true,
  }),
  JWE_PREVIOUS_KEYS: list("Keys that are still accepted while the sender's queue drains, newest first", {
    secret: true,
  }),
  DATABASE_URL: text('PostgreSQL, with `sslmode` and `sslrootcert` as libpq has them. Absent: the embedded store', {
    secret: true,
  }),
  DATABASE_CONNECTIONS: integer('Connections to PostgreSQL at most', { default: 10, min: 2, max: 100 }),
  DATA_DIR: text('Folder of the embedded store, and of captured files without `DATABASE_URL`', { default: './data' }),
  ADAPTER_ROLE: choice(
    'Whether this process takes submissions in, hands them over, or both',
    ['all', 'web', 'worker'],
    {
      default: 'all',
    },
  ),
  CONCURRENCY: integer('Attempts at the same time in one process', { default: 16, min: 1, max: 1000 }),
  RETRY_DELAY_SECONDS: integer('Before the first retry; doubled each time, a quarter more or less', {
    default: 30,
    min: 1,
    max: 86_400,
    unit: 'seconds',
  }),
  RETRY_DELAY_MAX_SECONDS: integer('Longest wait between two attempts', {
    default: 21_600,
    min: 1,
    max: 86_400,
    unit: 'seconds',
  }),
  RETRY_LIMIT: integer(
    'Retries after the first attempt, then it is a dead letter (the defaults span three days or more)',
    {
      default: 25,
      min: 0,
      max: 1000,
    },
  ),
  KEEP_DAYS: integer('How long a delivered or discarded submission is remembered, so that a repeat is known', {
    default: 28,
    min: 1,
    max: 3650,
    unit: 'days',
  }),
  ATTACHMENT_KEEP_DAYS: integer('How long files and answers stay, encrypted, after the case is made', {
    default: 7,
    min: 1,
    max: 365,
    unit: 'days',
  }),
  ATTACHMENT_HOSTS: list(
    'Hosts that file links may lead to. `*` stands for one label; an entry with a port is one origin, which alone may be private',
  ),
  ATTACHMENT_LIMIT_BYTES: integer('Largest file, encrypted', {
    default: 104_857_616,
    min: 16,
    max: 10_737_418_240,
    unit: 'bytes',
  }),
  ATTACHMENT_TOTAL_BYTES: integer('All files of a submission together, encrypted', {
    default: 524_288_000,
    min: 16,
    max: 107_374_182_400,
    unit: 'bytes',
  }),
  ATTACHMENT_LIMIT_COUNT: integer('Files in a submission', { default: 100, min: 0, max: 500 }),
  ATTACHMENT_TIMEOUT_SECONDS: integer("For all files of a submission; less than the sender's own patience", {
    default: 45,
    min: 1,
    max: 600,
    unit: 'seconds',
  }),
  BODY_LIMIT_BYTES: integer('Largest request body', { default: 2_097_152, min: 1024, max: 67_108_864, unit: 'bytes' }),
  ACCEPT_WAITING_LIMIT: integer('Requests that may wait to be stored before new ones get 503', {
    default: 1000,
    min: 1,
    max: 100_000,
  }),
  STOP_GRACE_SECONDS: integer('How long requests and attempts may go on after SIGTERM', {
    default: 25,
    min: 0,
    max: 3600,
    unit: 'seconds',
  }),
  DRAIN_SECONDS: integer('How long requests are still taken after SIGTERM, while `/readiness` says that it stops', {
    default: 0,
    min: 0,
    max: 300,
    unit: 'seconds',
  }),
  LOG_LEVEL: choice('Least severe log lines that are written', ['debug', 'info', 'warn', 'error', 'silent'], {
    default: 'info',
  }),
  METRICS_AUTH_USERNAME: text('User name for `/metrics`; without both, `/metrics` answers 404'),
  METRICS_AUTH_PASSWORD: text('Password for `/metrics`', { secret: true }),
  SENTRY_DSN: text('Where errors are told to Sentry; needs the package `@sentry/node`', { secret: true }),
  ADMIN_PORT: optionalInteger("Port of the operator's page; without it there is none. 0 takes any free one", {
    min: 0,
    max: 65_535,
  }),
  ADMIN_HOST: text("Address that the operator's page listens on", { default: '127.0.0.1' }),
  ADMIN_AUTH_USERNAME: text("User name for the operator's page"),
  ADMIN_AUTH_PASSWORD: text("Password for the operator's page: 12 characters or more", { secret: true }),
  ADMIN_TRUSTED_PROXIES: list(
    "Addresses or networks of the proxy in front of the operator's page. It must send `X-Forwarded-Proto: https`",
  ),
  ADMIN_FORWARDED_USER_HEADER: text(
    'Header in which that proxy names who has signed in; it replaces user name and password',
  ),
}

/** Every bound of the HTTPS server: `requestsPerSecondPerAddress` is `SERVER_REQUESTS_PER_SECOND_PER_ADDRESS`. */
export const SERVER_SETTINGS: Readonly<Record<string, Setting<number>>> = Object.fromEntries(
  Object.entries(LIMITS)
    .filter(([name]) => name !== 'bodyBytes') // BODY_LIMIT_BYTES, because more than the server keeps to it
    .map(([name, { value, min, max, meaning }]) => [
      serverSetting(name),
      integer(meaning, { default: value, min: Math.ceil(min), max, ...unitOf(name) }),
    ]),
)

function serverSetting(limit: string): string {
  return `SERVER_${limit.replace(/[A-Z]/g, '_$&').toUpperCase()}`
}

function unitOf(limit: string): { unit?: string } {
  const unit = /(Seconds|Bytes)$/.exec(limit)?.[1]
  return unit === undefined ? {} : { unit: unit.toLowerCase() }
}

/** Every setting of an adapter, read. */
export type Config = Values<typeof SETTINGS> & {
  readonly serverLimits: Partial<Limits>
  /** Keys by form. */
  readonly keyrings: Readonly<Record<string, Keyring>>
}

/** Settings as texts, by name. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads the settings for these forms. `also`: problems found elsewhere, to be reported with ours.
 * @throws {AdapterError} ERR_CONFIG_INVALID: one message that names every problem, never a secret.
 */
export function loadConfig(
  environment: Environment = process.env,
  forms: readonly string[],
  also: readonly string[] = [],
): Config {
  const { values, problems } = readSettings(SETTINGS, environment)
  const server = readSettings(SERVER_SETTINGS, environment)
  const keyrings: Record<string, Keyring> = {}
  const all = [
    ...also,
    ...problems,
    ...server.problems,
    ...unusable(values),
    ...together(values),
    ...serverTimes(server.values),
  ]
  for (const form of forms) {
    const keyring = readKeyring(environment, form)
    if ('problem' in keyring) all.push(keyring.problem)
    else keyrings[form] = keyring.value
  }
  all.push(...strayKeys(environment, forms))
  const found = [...new Set(all)]
  if (found.length > 0) {
    throw new AdapterError(
      'ERR_CONFIG_INVALID',
      `${found.length} setting${found.length === 1 ? '' : 's'} to put right:\n- ${found.join('\n- ')}`,
    )
  }
  const limits = Object.keys(LIMITS).flatMap((name) => {
    const value = server.values[serverSetting(name)]
    return value === undefined ? [] : [[name, value]]
  })
  return { ...values, keyrings, serverLimits: Object.fromEntries(limits) }
}

/** `JWE_SHARED_KEY__COMPLAINT` for the form `complaint`: what stands after the two underscores. */
export function formSuffix(form: string): string {
  return form.toUpperCase().replaceAll('-', '_')
}

function readKeyring(environment: Environment, form: string): { value: Keyring } | { problem: string } {
  const own = `JWE_SHARED_KEY__${formSuffix(form)}`
  const name = environment[own] ? own : 'JWE_SHARED_KEY'
  const previousName = environment[own] ? `JWE_PREVIOUS_KEYS__${formSuffix(form)}` : 'JWE_PREVIOUS_KEYS'
  const current = required('').read(environment[name] || undefined)
  if ('problem' in current) return { problem: `JWE_SHARED_KEY is missing: ${NEW_KEY}` }
  const previous = list('').read(environment[previousName] || undefined)
  const texts = 'value' in previous ? previous.value : []
  const problem = keyFormProblem(current.value)
  if (problem !== undefined) return { problem: `${name} ${problem}: ${NEW_KEY}` }
  const wrong = texts.flatMap((text, i) => {
    const why = keyFormProblem(text)
    return why === undefined ? [] : [`${previousName}: key ${i + 1} ${why}`]
  })
  return wrong.length > 0 ? { problem: wrong.join('; ') } : { value: parseKeyring(current.value, texts) }
}

const NEW_KEY = 'take the 16 or 32 ASCII characters that the sender has, or make a key with `npx submitter keygen`'

/** Keys that nobody would read: a form that does not exist, or previous keys without a current one. */
function strayKeys(environment: Environment, forms: readonly string[]): string[] {
  const suffixes = forms.map(formSuffix)
  return Object.keys(environment).flatMap((name) => {
    const [, kind, suffix = ''] = /^JWE_(SHARED_KEY|PREVIOUS_KEYS)__(.*)$/.exec(name) ?? []
    if (kind === undefined || !environment[name]) return []
    if (!suffixes.includes(suffix)) return [`${name} names no form: there are ${suffixes.join(', ')}`]
    const own = `JWE_SHARED_KEY__${suffix}`
    return kind === 'PREVIOUS_KEYS' && !environment[own] ? [`${name} needs ${own} beside it`] : []
  })
}

/** What would be found wrong with a text or a file only when it is put to use: by then one after another. */
function unusable(values: Partial<Values<typeof SETTINGS>>): string[] {
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
function together(values: Partial<Values<typeof SETTINGS>>): string[] {
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

function operatorPage(values: Partial<Values<typeof SETTINGS>>): string[] {
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
