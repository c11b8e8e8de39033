/** Reads the file that configures a gateway, strictly: everything that is wrong is named at once, and no value. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { LIMITS, parseIdentity } from '@formbuilder/secure-server'
import { ConfigError } from './config-error.ts'
import { type ForwardOptions, forwardProblems } from './gateway/upstream-options.ts'
import { memberProblems } from './members.ts'
import type { ProviderOptions } from './provider.ts'
import { providerProblems } from './provider-problems.ts'
import type { ServerSettings } from './server/server.ts'
import { settingProblems } from './server/setting-problems.ts'
import { decodeUtf8, isObject, parseStrictJson } from './strict-json.ts'

/** The levels of the log. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const

/** What a gateway needs to start. */
export interface GatewayFile {
  readonly provider: ProviderOptions
  readonly server: ServerSettings
  readonly upstream: ForwardOptions & { readonly url: string }
  /** The port of the health endpoint on 127.0.0.1; undefined: there is none. */
  readonly healthPort: number | undefined
  readonly logLevel: (typeof LOG_LEVELS)[number]
  /** How long running requests may take to finish at a stop. */
  readonly graceSeconds: number
}

/**
 * Reads a file of JSON. Names of files in it are relative to its folder.
 * @throws {ConfigError} The message names every problem, also of the files that it names.
 */
export function readGatewayFile(file: string): GatewayFile {
  const given = parsed(file)
  const { server = {}, upstream = {}, health, logLevel = 'info', graceSeconds = 10, ...options } = given
  const folder = dirname(resolve(file))
  const provider = inFolder(options, folder, PROVIDER_FILES)
  const settings = inFolder(server, folder, SERVER_FILES)
  const { url, ...forward } = inFolder(upstream, folder, UPSTREAM_FILES)
  const problems = [
    ...memberProblems(given, MEMBERS, 'the file'),
    ...providerProblems({ handlers: {}, ...known(provider) }),
    ...(isObject(server) ? settingProblems(settings as never) : ['server is not an object']),
    ...(isObject(server) ? serverFileProblems(settings) : []),
    ...(isObject(upstream) ? forwardProblems(url, forward) : ['upstream is not an object']),
    ...healthProblems(health),
    ...(LOG_LEVELS.some((one) => one === logLevel) ? [] : [`logLevel is not one of ${LOG_LEVELS.join(', ')}`]),
    ...(isBetween(graceSeconds, 0, 3600) ? [] : ['graceSeconds is not between 0 and 3600']),
  ]
  if (problems.length > 0) throw new ConfigError([...new Set(problems)])
  const audit = { flush: 'always', ...(provider['audit'] as object) }
  // Every member is checked.
  return {
    provider: { ...provider, audit },
    server: settings,
    upstream: { ...forward, url },
    healthPort: isObject(health) ? health['port'] : undefined,
    logLevel,
    graceSeconds,
  } as unknown as GatewayFile
}

const MEMBERS = [
  ...['publicUrl', 'serviceRoots', 'audiences', 'rules', 'audit', 'switches', 'maxBodyBytes'],
  ...['server', 'upstream', 'health', 'logLevel', 'graceSeconds'],
]

/** Where names of files are, by their path in an object. */
const PROVIDER_FILES = [
  ['audit', 'file'],
  ['switches', 'file'],
]
const SERVER_FILES = [
  ['certFile'],
  ['keyFile'],
  ['client', 'caFiles'],
  ['client', 'crlFiles'],
  ['client', 'crlFetch', 'file'],
  ['client', 'ocsp', 'responderFile'],
]
const UPSTREAM_FILES = [['secretFile'], ['certFile'], ['keyFile'], ['caFiles']]

function parsed(file: string): Record<string, unknown> {
  let text: string | undefined
  try {
    text = decodeUtf8(readFileSync(file))
  } catch (error) {
    throw new ConfigError([`the file cannot be read (${(error as NodeJS.ErrnoException).code})`])
  }
  const value = text === undefined ? undefined : parseStrictJson(text, FILE_DEPTH)
  if (!isObject(value)) throw new ConfigError(['the file is not a JSON object, or names a member twice'])
  return value
}

const FILE_DEPTH = 20

/** Without the members that `memberProblems` names already. */
function known(options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => MEMBERS.includes(name)))
}

/** A copy in which names of files are absolute. Whatever has another form stays, for the checks. */
function inFolder(value: unknown, folder: string, paths: readonly (readonly string[])[]): Record<string, unknown> {
  if (!isObject(value)) return {}
  const copy = structuredClone(value)
  for (const path of paths) {
    const parent = path.slice(0, -1).reduce<unknown>((at, name) => (isObject(at) ? at[name] : undefined), copy)
    const name = path.at(-1) ?? ''
    if (!isObject(parent)) continue
    const found = parent[name]
    if (typeof found === 'string' && found !== '') parent[name] = resolve(folder, found)
    if (Array.isArray(found))
      parent[name] = found.map((one: unknown) => (typeof one === 'string' && one !== '' ? resolve(folder, one) : one))
  }
  return copy
}

/** What secure-server would find only when it starts. */
function serverFileProblems({ port, host = '', certFile, keyFile, client, limits }: Record<string, unknown>): string[] {
  const { caFiles = [], crlFiles = [], fqdns = [] } = isObject(client) ? client : {}
  const cert = contents(certFile, 'server.certFile')
  const key = contents(keyFile, 'server.keyFile')
  return [
    ...(isBetween(port, 0, 65_535) && Number.isInteger(port) ? [] : ['server.port is not between 0 and 65535']),
    ...(typeof host === 'string' ? [] : ['server.host is not a text']),
    ...[cert, key].flatMap((one) => (typeof one === 'string' ? [one] : [])),
    ...(typeof cert === 'string' || typeof key === 'string' ? [] : identityProblems(cert, key)),
    ...[caFiles, crlFiles].flatMap((files, at) => listProblems(files, `client.${at === 0 ? 'caFiles' : 'crlFiles'}`)),
    ...(Array.isArray(caFiles) && caFiles.length === 0 ? ['client.caFiles is empty'] : []),
    ...(Array.isArray(fqdns) && fqdns.length === 0 ? ['client.fqdns is empty'] : []),
    ...(isObject(limits) ? limitProblems(limits) : []),
  ]
}

function listProblems(files: unknown, name: string): string[] {
  if (!Array.isArray(files)) return []
  const found = files.map((file) => contents(file, name))
  return found.flatMap((one) => (typeof one === 'string' ? [one] : []))
}

/** The contents of a file, or a problem. */
function contents(file: unknown, name: string): Buffer | string {
  if (typeof file !== 'string' || file === '') return `${name} is not the name of a file`
  try {
    return readFileSync(file)
  } catch (error) {
    return `${name} cannot be read (${(error as NodeJS.ErrnoException).code})`
  }
}

function identityProblems(cert: Buffer, key: Buffer): string[] {
  try {
    parseIdentity({ path: 'server.certFile', contents: cert }, { path: 'server.keyFile', contents: key })
    return []
  } catch (error) {
    return [error instanceof Error ? error.message : 'server.certFile cannot be used']
  }
}

function limitProblems(limits: Record<string, unknown>): string[] {
  return Object.entries(limits).flatMap(([name, value]) => {
    if (name === 'bodyBytes') return []
    if (!Object.hasOwn(LIMITS, name)) return [`the option ${name} of limits does not exist`]
    const { min, max } = LIMITS[name as keyof typeof LIMITS]
    const fits = isBetween(value, min, max) && (name.endsWith('Seconds') || Number.isInteger(value))
    return fits ? [] : [`limits.${name} is not between ${min} and ${max}`]
  })
}

function healthProblems(health: unknown): string[] {
  if (health === undefined) return []
  return [
    ...memberProblems(health, ['port'], 'health'),
    ...(isObject(health) && isBetween(health['port'], 0, 65_535) && Number.isInteger(health['port'])
      ? []
      : ['health.port is not between 0 and 65535']),
  ]
}

function isBetween(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && value >= min && value <= max
}
