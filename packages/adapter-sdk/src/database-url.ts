/** Reads `DATABASE_URL` as libpq does where the driver reads it in another way: everything about TLS. */
import { accessSync, constants } from 'node:fs'
import type { Parsed } from './settings.ts'

/** What `sslmode` may say (https://www.postgresql.org/docs/current/libpq-ssl.html). */
export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const

/** One of them. */
export type SslMode = (typeof SSL_MODES)[number]

/** A URL of a database, and how to connect to it. */
export interface DatabaseUrl {
  /** The URL without anything about TLS. */
  readonly url: string
  /** `require` with a root is `verify-ca`. */
  readonly sslmode: SslMode
  /** PEM files. Without a root, `verify-full` trusts the authorities that Node knows. */
  readonly root: string | undefined
  readonly certificate: { readonly file: string; readonly keyFile: string } | undefined
  /** What an operator has to know at each start, because nobody checks who the server is. */
  readonly warning: string | undefined
}

/** Reads the URL of a database; the problem quotes nothing of it. */
export function parseDatabaseUrl(text: string): Parsed<DatabaseUrl> {
  const address = addressOf(text)
  if ('problem' in address) return address
  const { isLocal, isSocket } = address.value
  const [url = '', query = ''] = split(text, '?')
  const parameters = new URLSearchParams(query)
  const given = (name: string) => parameters.getAll(name).at(-1)

  const unsupported =
    UNSUPPORTED.find((name) => parameters.has(name)) ??
    ['channel_binding', 'gssencmode'].find((name) => given(name) === 'require')
  if (unsupported !== undefined) return { problem: `has ${unsupported}, which is not supported: leave it out` }
  const asked = given('sslmode') ?? (given('ssl') === 'true' ? 'require' : undefined)
  if (parameters.has('ssl') && given('ssl') !== 'true')
    return { problem: 'has ssl, which may be true only: use sslmode' }
  const [root, cert, key] = [given('sslrootcert'), given('sslcert'), given('sslkey')].map((file) => file || undefined)
  const mode = modeOf(asked, root)
  if ('problem' in mode) return mode
  const sslmode = mode.value
  if (given('sslnegotiation') === 'direct' && WEAK.has(sslmode)) {
    return { problem: 'has sslnegotiation=direct, which needs sslmode=require or a stronger one' }
  }
  if ((cert === undefined) !== (key === undefined)) return { problem: 'must have sslcert and sslkey together' }
  if (cert !== undefined && sslmode === 'disable') return { problem: 'has sslcert, which sslmode=disable does not use' }
  const unreadable = Object.entries({ sslrootcert: root === SYSTEM ? undefined : root, sslcert: cert, sslkey: key })
    .map(([name, file]) => unreadableProblem(name, file))
    .find((problem) => problem !== undefined)
  if (unreadable !== undefined) return { problem: unreadable }

  const isUnchecked = !isSocket && ['allow', 'prefer', 'require'].includes(sslmode) && !(asked === undefined && isLocal)
  const rest = query
    .split('&')
    .filter((part) => part !== '' && !OURS.has(new URLSearchParams(part).keys().next().value ?? ''))
  return {
    value: {
      url: rest.length === 0 ? url : `${url}?${rest.join('&')}`,
      // TLS is for networks; on a socket of this machine libpq does not use it either.
      sslmode: isSocket ? 'disable' : sslmode,
      root: root === SYSTEM ? undefined : root,
      certificate: cert === undefined || key === undefined ? undefined : { file: cert, keyFile: key },
      warning: isUnchecked ? `sslmode=${sslmode} ${WARNINGS[sslmode] ?? ''}: use verify-full` : undefined,
    },
  }
}

const SYSTEM = 'system'

/** Parameters that are read here. The driver would give `sslmode` other meanings, and print a warning that is no line of the log. */
const OURS: ReadonlySet<string> = new Set(['ssl', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'uselibpqcompat'])

/** Parameters of libpq that ask for more security, and that the driver passes over in silence. */
const UNSUPPORTED = [
  'require_auth',
  'requirepeer',
  'ssl_max_protocol_version',
  'ssl_min_protocol_version',
  'sslcrl',
  'sslcrldir',
  'sslpassword',
]

const WEAK: ReadonlySet<SslMode> = new Set<SslMode>(['disable', 'allow', 'prefer'])

const WARNINGS: Partial<Record<SslMode, string>> = {
  allow: "encrypts only where the server insists, and does not check the server's certificate",
  prefer: "encrypts only where the server can, and does not check the server's certificate",
  require: "encrypts, but does not check the server's certificate",
}

/** Whether the host is of this machine. The driver takes one host, and needs `%` for characters with a meaning. */
function addressOf(text: string): Parsed<{ readonly isLocal: boolean; readonly isSocket: boolean }> {
  if (!/^postgres(ql)?:\/\//.test(text)) return { problem: 'must start with postgresql:// or postgres://' }
  const encode = 'must be a URL: characters of user name and password other than letters and digits are written as %40'
  const [beforeQuery = ''] = split(text, '?')
  const [authority = '', path = ''] = split(beforeQuery.replace(/^[^:]*:\/\//, ''), '/')
  const hosts = authority.slice(authority.lastIndexOf('@') + 1)
  if (hosts.includes(',')) return { problem: 'must name one host' }
  // A host that is left out is the machine's own, or stands among the parameters.
  const url = URL.parse(text) ?? URL.parse(text.replace('@/', '@localhost/'))
  if (url === null || url.hash !== '' || /[@\s]/.test(path) || /\s/.test(authority)) return { problem: encode }
  const host = url.searchParams.get('host') ?? decodeURIComponent(url.hostname)
  if (host.includes(',')) return { problem: 'must name one host' }
  const isSocket = host.startsWith('/')
  return { value: { isSocket, isLocal: isSocket || /^(|localhost|127(\.\d+){3}|\[?::1\]?)$/.test(host) } }
}

function modeOf(asked: string | undefined, root: string | undefined): Parsed<SslMode> {
  if (root === SYSTEM) {
    const isFull = (asked ?? 'verify-full') === 'verify-full'
    return isFull ? { value: 'verify-full' } : { problem: 'has sslrootcert=system, which needs sslmode=verify-full' }
  }
  const mode = SSL_MODES.find((each) => each === (asked ?? 'prefer'))
  if (mode === undefined) return { problem: `has an unknown sslmode: it must be ${SSL_MODES.join(', ')}` }
  if (root !== undefined && WEAK.has(mode)) {
    const which = asked === undefined ? 'without sslmode' : `with sslmode=${mode}`
    return { problem: `has sslrootcert, which is not used ${which}: use sslmode=verify-full` }
  }
  if (root === undefined && mode === 'verify-ca') return { problem: 'has sslmode=verify-ca, which needs sslrootcert' }
  return { value: root !== undefined && mode === 'require' ? 'verify-ca' : mode }
}

function unreadableProblem(name: string, file: string | undefined): string | undefined {
  try {
    if (file !== undefined) accessSync(file, constants.R_OK)
    return undefined
  } catch (error) {
    return `names in ${name} a file that cannot be read (${(error as NodeJS.ErrnoException).code})`
  }
}

/** Both sides of the first such character. */
function split(text: string, character: string): [string, string] {
  const at = text.indexOf(character)
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
