/** What is kept of an error: its name, its codes, an HTTP status and places in files. Never its message, which may quote a citizen. */
import { constants } from 'node:os'
import { types } from 'node:util'
import { ERRORS } from './errors.ts'
import { framesOf } from './frames.ts'

/** What is known of an error. Every text has a form: none can be a sentence. */
export interface Failure {
  /** Of its class. `non-error`: what was thrown is no Error. */
  readonly name: string
  readonly code?: string
  /** Number of an SQLite error. */
  readonly errcode?: number
  /** HTTP status that another server answered, 100 to 599. */
  readonly status?: number
  /** `file:line` of the adapter's code and its dependencies', innermost first, at most ten. */
  readonly frames: readonly string[]
  /** The causes, and the errors that an AggregateError holds, nearest first: at most five. */
  readonly causes?: readonly Omit<Failure, 'causes'>[]
}

/** Whether a citizen wrote this name, code or path. */
export type IsQuoted = (text: string) => boolean

/** Reads an error. Never throws, whatever was thrown: not a getter that throws, nor a Proxy. */
export function failureOf(error: unknown, isQuoted: IsQuoted = () => false): Failure {
  const causes = causesOf(error).map((cause) => linkOf(cause, isQuoted))
  return { ...linkOf(error, isQuoted), ...(causes.length > 0 && { causes }) }
}

/** The same on one line: `AxiosError ERR_BAD_RESPONSE, HTTP 503, at src/complaint.ts:12; caused by ...`. */
export function failureText({ causes = [], ...error }: Failure): string {
  return [error, ...causes].map(linkText).join('; caused by ').slice(0, MOST_CHARACTERS)
}

/** The name and the codes of an error. */
export function namesText({ name, code, errcode }: Failure): string {
  return [name, code, errcode].filter((part) => part !== undefined).join(' ')
}

/** Whether it is an error, also one of another realm. */
export function isError(error: unknown): error is Error {
  return types.isNativeError(error) || isA(error, Error)
}

/** `instanceof`, which a Proxy can make throw. */
export function isA<T>(error: unknown, type: abstract new (...values: never[]) => T): error is T {
  try {
    return error instanceof type
  } catch {
    return false
  }
}

/** A property, or undefined if it cannot be read. */
export function read(from: unknown, name: string): unknown {
  if ((typeof from !== 'object' || from === null) && typeof from !== 'function') return undefined
  try {
    return (from as Record<string, unknown>)[name]
  } catch {
    return undefined
  }
}

/** The code of an error, where it has the form of one: `ECONNRESET`, `ERR_BAD_RESPONSE`. */
export function codeOf(error: unknown, isQuoted: IsQuoted = () => false): string | undefined {
  const code = read(error, 'code')
  if (typeof code !== 'string') return undefined
  if (KNOWN_CODES.has(code)) return code
  // The errors of PostgreSQL have a severity beside their five characters.
  const isSqlState = /^[0-9A-Z]{5}$/.test(code) && typeof read(error, 'severity') === 'string'
  const isCode = code.length <= 64 && /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(code) && !/\d{4}/.test(code)
  return (isSqlState || isCode) && !isQuoted(code) ? code : undefined
}

const MOST_CHARACTERS = 1500
const MOST_CAUSES = 5

function linkOf(error: unknown, isQuoted: IsQuoted): Omit<Failure, 'causes'> {
  const status = statusOf(error)
  if (!isError(error)) return { name: 'non-error', ...(status !== undefined && { status }), frames: [] }
  const code = codeOf(error, isQuoted)
  const errcode = read(error, 'errcode')
  const [stack, message] = [read(error, 'stack'), read(error, 'message')]
  return {
    name: nameOf(error, isQuoted),
    ...(code !== undefined && { code }),
    ...(code === 'ERR_SQLITE_ERROR' && isWhole(errcode, 0, 65_535) && { errcode }),
    ...(status !== undefined && { status }),
    frames: typeof stack === 'string' ? framesOf(stack, typeof message === 'string' ? message : '', isQuoted) : [],
  }
}

/** The name of a class of errors; any other text that stands there may be anybody's. */
function nameOf(error: unknown, isQuoted: IsQuoted): string {
  const name = read(error, 'name')
  if (typeof name !== 'string') return 'Error'
  if (KNOWN_NAMES.has(name) || (name === 'error' && typeof read(error, 'severity') === 'string')) return name
  const isName = /^[A-Z][A-Za-z]{0,50}(?:Error|Exception|Failed|Failure|Fault)$/.test(name)
  return isName && !isQuoted(name) ? name : 'Error'
}

/** HTTP status of the answer that an error is about, as axios, fetch wrappers and our own errors carry it. */
export function statusOf(error: unknown): number | undefined {
  const found = [read(error, 'status'), read(error, 'statusCode'), read(read(error, 'response'), 'status')]
  return found.find((each) => isWhole(each, 100, 599))
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
}

function causesOf(error: unknown): unknown[] {
  const seen = new Set<unknown>([error])
  const ahead = [error]
  while (ahead.length > 0 && seen.size <= MOST_CAUSES) {
    const next = ahead.shift()
    for (const cause of [read(next, 'cause'), ...several(read(next, 'errors'))]) {
      if (!isError(cause) || seen.has(cause) || seen.size > MOST_CAUSES) continue
      seen.add(cause)
      ahead.push(cause)
    }
  }
  return [...seen].slice(1)
}

function several(errors: unknown): unknown[] {
  return isArray(errors) ? [0, 1, 2].map((position) => read(errors, String(position))) : []
}

/** `Array.isArray` throws for a Proxy that was revoked. */
function isArray(value: unknown): boolean {
  try {
    return Array.isArray(value)
  } catch {
    return false
  }
}

function linkText(error: Omit<Failure, 'causes'>): string {
  const status = error.status === undefined ? [] : [`HTTP ${error.status}`]
  const places = error.frames.length === 0 ? [] : [`at ${error.frames.join(', ')}`]
  return [namesText(error), ...status, ...places].join(', ')
}

const KNOWN_NAMES: ReadonlySet<string> = new Set([
  'Error',
  'TypeError',
  'RangeError',
  'SyntaxError',
  'ReferenceError',
  'EvalError',
  'URIError',
  'AggregateError',
  'AbortError',
  'TimeoutError',
  'AxiosError',
  'CanceledError',
  'AdapterError',
  'PermanentError',
  'UncertainError',
  'RetryError',
])

/** Codes that mean the same whatever somebody wrote: those of the system, of TLS, of fetch and axios, and our own. */
const KNOWN_CODES: ReadonlySet<string> = new Set([
  ...Object.keys(constants.errno),
  ...Object.keys(ERRORS),
  'ENOTFOUND',
  'ENODATA',
  'ESERVFAIL',
  'EREFUSED',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_NODATA',
  'EAI_NONAME',
  'EPROTO',
  'ABORT_ERR',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'ERR_SQLITE_ERROR',
  'ERR_NETWORK',
  'ERR_BAD_REQUEST',
  'ERR_BAD_RESPONSE',
  'ERR_CANCELED',
  'ERR_INVALID_URL',
  'ERR_FR_TOO_MANY_REDIRECTS',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_SOCKET',
  'UND_ERR_ABORTED',
])
