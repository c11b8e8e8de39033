/** Checks where a gateway forwards to, and reads the files that it needs for that. */
import { readFileSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { isLoopback } from '@formbuilder/secure-server'
import { memberProblems } from '../members.ts'
import { isObject } from '../strict-json.ts'
import { SECRET_MIN_BYTES } from './claims-token.ts'

/** The options of `provider.forward`. */
export interface ForwardOptions {
  /** A file with the secret that signs the claims: at least 32 bytes, without a line end after them. */
  readonly secretFile: string
  /** PEM files of this client, for `https`. They are read again for each new connection. */
  readonly certFile?: string
  readonly keyFile?: string
  /** PEM files of the authorities of the upstream, for `https`. No others are trusted. */
  readonly caFiles?: readonly string[]
  /** Connections to the upstream at one time (default 64, 1 to 10,000). Further requests wait. */
  readonly connections?: number
  /** Longest wait for a connection (default 5, 0.1 to 600). */
  readonly connectSeconds?: number
  /** Longest wait for the head of the answer, from the moment the request has passed its checks (default 30, 0.1 to 3600). */
  readonly headersSeconds?: number
  /** Longest pause in the body of an answer (default 30, 1 to 3600). */
  readonly idleSeconds?: number
}

/** Where the upstream is: plain HTTP on this machine, or mutual TLS. */
export type Place =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'loopback' | 'tls'; readonly url: URL }

/** The defaults and ranges of the numbers. */
export const NUMBERS = {
  connections: { value: 64, min: 1, max: 10_000 },
  connectSeconds: { value: 5, min: 0.1, max: 600 },
  headersSeconds: { value: 30, min: 0.1, max: 3600 },
  idleSeconds: { value: 30, min: 1, max: 3600 },
} as const

/**
 * Where a URL leads, or undefined if nothing may be forwarded there: plain HTTP goes to a literal loopback address or a Unix
 * socket only, because a name can lead anywhere.
 */
export function placeOf(text: unknown): Place | undefined {
  if (typeof text !== 'string') return undefined
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length)
    return isAbsolute(path) ? { kind: 'socket', path } : undefined
  }
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  // A path would have to be joined to that of the request, and the claims name the one that the guard has checked.
  const isOrigin = url.pathname === '/' && url.search === '' && url.hash === '' && url.username + url.password === ''
  if (!isOrigin || /[?#]/.test(text)) return undefined
  if (url.protocol === 'https:') return { kind: 'tls', url }
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return url.protocol === 'http:' && host !== 'localhost' && isLoopback(host) ? { kind: 'loopback', url } : undefined
}

/** The problems of a URL and of the options, and of the files that they name. Values are not in them. */
export function forwardProblems(url: unknown, options: unknown): string[] {
  if (!isObject(options)) return ['the options of the upstream are not an object']
  const place = placeOf(url)
  const { caFiles, certFile, keyFile } = options
  const named = [certFile, keyFile, caFiles].filter((one) => one !== undefined)
  return [
    ...memberProblems(options, MEMBERS, 'the upstream'),
    ...(place === undefined
      ? ['the url of the upstream is none of http://127.0.0.1:PORT, unix:/PATH and https://HOST, without a path']
      : []),
    ...secretProblems(options['secretFile']),
    ...(place?.kind === 'tls' ? tlsProblems(options) : []),
    ...(place !== undefined && place.kind !== 'tls' && named.length > 0
      ? ['certFile, keyFile and caFiles of the upstream are for https only']
      : []),
    ...Object.entries(NUMBERS).flatMap(([name, { min, max, value }]) => {
      const given = options[name] ?? value
      const isNumber = typeof given === 'number' && given >= min && given <= max
      const fits = isNumber && (name !== 'connections' || Number.isInteger(given))
      return fits ? [] : [`${name} of the upstream is not between ${min} and ${max}`]
    }),
  ]
}

/** The secret in a file: its bytes without a line end after them, which editors add. */
export function readSecret(file: string): Buffer {
  const bytes = readFileSync(file)
  const end = bytes.at(-1) === 0x0a ? (bytes.at(-2) === 0x0d ? 2 : 1) : 0
  return bytes.subarray(0, bytes.byteLength - end)
}

function secretProblems(file: unknown): string[] {
  return fileProblems(file, 'secretFile', (name) => {
    if (readSecret(name).byteLength < SECRET_MIN_BYTES)
      return `secretFile of the upstream has fewer than ${SECRET_MIN_BYTES} bytes`
    return undefined
  })
}

function tlsProblems({ certFile, keyFile, caFiles }: Record<string, unknown>): string[] {
  const areFiles = Array.isArray(caFiles) && caFiles.length > 0
  return [
    ...fileProblems(certFile, 'certFile'),
    ...fileProblems(keyFile, 'keyFile'),
    ...(areFiles ? caFiles.flatMap((file) => fileProblems(file, 'caFiles')) : ['caFiles of the upstream is missing']),
  ]
}

function fileProblems(
  file: unknown,
  name: string,
  judge: (file: string) => string | undefined = (one) => void readFileSync(one),
): string[] {
  if (file === undefined) return [`${name} of the upstream is missing`]
  if (typeof file !== 'string' || file === '') return [`${name} of the upstream is not the name of a file`]
  try {
    return [judge(file) ?? []].flat()
  } catch (error) {
    return [`${name} of the upstream cannot be read (${(error as NodeJS.ErrnoException).code})`]
  }
}

const MEMBERS = ['secretFile', 'certFile', 'keyFile', 'caFiles', ...Object.keys(NUMBERS)]
