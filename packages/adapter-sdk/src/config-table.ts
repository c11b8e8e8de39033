/** The table of an adapter's settings: what each means, what it accepts and its default. */
import { LIMITS } from '@formbuilder/secure-server'
import { choice, integer, list, optionalInteger, type Setting, text } from './settings.ts'

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

/** The name of the setting for one of the HTTPS server's limits. */
export function serverSetting(limit: string): string {
  return `SERVER_${limit.replace(/[A-Z]/g, '_$&').toUpperCase()}`
}

function unitOf(limit: string): { unit?: string } {
  const unit = /(Seconds|Bytes)$/.exec(limit)?.[1]
  return unit === undefined ? {} : { unit: unit.toLowerCase() }
}
