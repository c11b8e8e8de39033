/** The table of an adapter's settings: what each means, what it accepts and its default. */
import { LIMITS } from '@formbuilder/secure-server'
import { parseDatabaseUrl } from './database-url.ts'
import {
  address,
  choice,
  flag,
  formed,
  headerName,
  host,
  integer,
  list,
  optionalInteger,
  path,
  type Setting,
  secret,
  text,
  urlTemplate,
  userName,
} from './settings.ts'

/** Every setting of an adapter. A test compares the table in README.md with this one. */
export const SETTINGS = {
  PORT: integer('Port to listen on; 0 means any free port', { default: 3000, min: 0, max: 65_535 }),
  LISTEN_HOST: address('Address to listen on; without it all of them, IPv6 included where the machine has it'),
  HOST: host('Public host name of this adapter: file links are `https://HOST/v1/attachments/<id>`', {
    default: 'localhost',
  }),
  TLS_CERT_FILE: path('PEM file with the certificate chain; read again when it changes'),
  TLS_KEY_FILE: path('PEM file with the private key; read again when it changes'),
  TRUST_PROXY: list(
    'Addresses or networks of the ingress that ends TLS. If set, the port uses plain HTTP and accepts requests from these only',
  ),
  JWE_SHARED_KEY: secret('Shared key of every form without its own key: 16 or 32 ASCII characters'),
  JWE_PREVIOUS_KEYS: list(
    'Old keys, newest first. Each stays until 28 days after the form was published with the new key, and as long as anything that the adapter holds needs it: `adapter keys` says when',
    {
      secret: true,
    },
  ),
  DATABASE_URL: formed<string>(
    'PostgreSQL URL. `sslmode` and `sslrootcert` work as in libpq, and `verify-full` is the safe one. Without the setting, the store is SQLite in `DATA_DIR`',
    'URL',
    { secret: true },
    (value) => {
      const parsed = parseDatabaseUrl(value)
      return 'problem' in parsed ? parsed : { value }
    },
  ),
  DATABASE_CONNECTIONS: integer('Maximum number of connections to PostgreSQL', { default: 10, min: 2, max: 100 }),
  DATA_DIR: path('Folder of the store and of captured files, without `DATABASE_URL`: on a local disk', {
    default: './data',
  }),
  ADAPTER_ROLE: choice(
    'Whether this process accepts submissions (`web`), hands them to handlers (`worker`), or does both',
    ['all', 'web', 'worker'],
    {
      default: 'all',
    },
  ),
  CONCURRENCY: integer('Maximum number of attempts at the same time in one process; at least the number of forms', {
    default: 16,
    min: 1,
    max: 1000,
  }),
  RETRY_DELAY_SECONDS: integer('Wait before the first retry; doubled each time, give or take a quarter', {
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
    'Retries after the first attempt before a submission becomes a dead letter; the defaults last at least three days',
    {
      default: 25,
      min: 0,
      max: 1000,
    },
  ),
  KEEP_DAYS: integer('How long a delivered or discarded submission is remembered, so that a repeat is recognised', {
    default: 35,
    // The sender repeats for 28 days: a repeat after the adapter has forgotten would make a second case.
    min: 29,
    max: 3650,
    unit: 'days',
  }),
  ATTACHMENT_KEEP_DAYS: integer('How long files and answers are kept, encrypted, after the submission is delivered', {
    default: 7,
    min: 1,
    max: 365,
    unit: 'days',
  }),
  ATTACHMENT_HOSTS: list(
    'Hosts that file links may point to. `*` matches one label. An entry with a port means that origin only, and may be private',
  ),
  ATTACHMENT_LIMIT_BYTES: integer('Largest file, encrypted', {
    default: 104_857_616,
    min: 16,
    max: 10_737_418_240,
    unit: 'bytes',
  }),
  ATTACHMENT_TOTAL_BYTES: integer('Largest total of all files of a submission, encrypted', {
    default: 524_288_000,
    min: 16,
    max: 107_374_182_400,
    unit: 'bytes',
  }),
  ATTACHMENT_LIMIT_COUNT: integer('Maximum number of files in a submission', { default: 100, min: 0, max: 500 }),
  ATTACHMENT_TIMEOUT_SECONDS: integer(
    "Time to fetch all files of a submission; must be less than the sender's own timeout",
    {
      default: 45,
      min: 1,
      max: 600,
      unit: 'seconds',
    },
  ),
  ATTACHMENT_PATIENCE_HOURS: integer(
    'How long after the first failed delivery, and three deliveries at least, a submission is accepted without the files that cannot be fetched; with 0 the third delivery decides',
    { default: 24, min: 0, max: 240, unit: 'hours' },
  ),
  BODY_LIMIT_BYTES: integer('Largest request body', { default: 2_097_152, min: 1024, max: 67_108_864, unit: 'bytes' }),
  ACCEPT_WAITING_LIMIT: integer('How many requests may wait to be stored; more are answered 503', {
    default: 1000,
    min: 1,
    max: 100_000,
  }),
  STOP_GRACE_SECONDS: integer('How long requests and attempts may continue after SIGTERM', {
    default: 25,
    min: 0,
    max: 3600,
    unit: 'seconds',
  }),
  DRAIN_SECONDS: integer('How long requests are still accepted after SIGTERM, while `/readiness` answers 503', {
    default: 0,
    min: 0,
    max: 300,
    unit: 'seconds',
  }),
  LOG_LEVEL: choice('Lowest level of log line that is written', ['debug', 'info', 'warn', 'error', 'silent'], {
    default: 'info',
  }),
  SHOW_ERRORS: flag(
    'Whether the whole errors of handlers are printed on standard error, with messages, stacks and causes. For development: needs a loopback address as `LISTEN_HOST`',
    { default: false },
  ),
  METRICS_AUTH_USERNAME: userName('User name for `/metrics`; without user name and password, `/metrics` answers 404'),
  METRICS_AUTH_PASSWORD: text('Password for `/metrics`', { secret: true }),
  SENTRY_DSN: formed<string>(
    'Sentry DSN to report errors to; needs the package `@sentry/node`',
    'URL',
    { secret: true },
    (value) =>
      /^https?:\/\/[^@/\s]+@[^/\s]+\/(\S*\D)?\d+$/.test(value) && URL.canParse(value)
        ? { value }
        : { problem: 'must look like https://key@host/1' },
  ),
  ADMIN_PORT: optionalInteger("Port of the operator's page; without it there is no page. 0 means any free port", {
    min: 0,
    max: 65_535,
  }),
  ADMIN_HOST: address("Address that the operator's page listens on", { default: '127.0.0.1' }),
  ADMIN_AUTH_USERNAME: userName("User name for the operator's page"),
  ADMIN_AUTH_PASSWORD: text("Password for the operator's page: 12 characters or more", { secret: true }),
  ADMIN_TRUSTED_PROXIES: list(
    "Addresses or networks of the proxy in front of the operator's page. It must send `X-Forwarded-Proto: https`",
  ),
  ADMIN_FORWARDED_USER_HEADER: headerName(
    'Header in which that proxy sends the name of the signed-in user; replaces user name and password',
  ),
  ADMIN_FORWARDED_GROUPS_HEADER: headerName(
    'Header in which that proxy sends the groups of the signed-in user, separated by commas. `ADMIN_WRITERS` are then groups',
  ),
  ADMIN_WRITERS: list(
    "Whom that proxy signs in and who may act on the operator's page: groups with `ADMIN_FORWARDED_GROUPS_HEADER`, otherwise names. All others may look. Without it everybody may act",
  ),
  ADMIN_READER_USERNAME: userName(
    "Second user name for the operator's page: who signs in with it may look and not act",
  ),
  ADMIN_READER_PASSWORD: text('Password of that user: 12 characters or more', { secret: true }),
  OPERATOR_TRACE_URL: urlTemplate(
    "Page of a trace, linked from a submission on the operator's page. A submission without a trace has no link with `{traceId}`",
    ['submissionId', 'traceId'],
  ),
  OPERATOR_LOG_URL: urlTemplate("Page of the log of a submission, linked from it on the operator's page", [
    'submissionId',
  ]),
}

/** A setting for each limit of the HTTPS server: `idleSeconds` is `SERVER_IDLE_SECONDS`. */
export const SERVER_SETTINGS: Readonly<Record<string, Setting<number>>> = Object.fromEntries(
  Object.entries(LIMITS)
    .filter(([name]) => name !== 'bodyBytes') // this one is BODY_LIMIT_BYTES, because the body parser keeps to it too
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
