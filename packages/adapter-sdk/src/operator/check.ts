/** The checks of `adapter check`: settings, keys, certificate, store and target, one after another. */
import { lookup } from 'node:dns/promises'
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { request as plainRequest } from 'node:http'
import { request } from 'node:https'
import { dirname, resolve } from 'node:path'
import { parseIdentity, SecureServerError } from '@formbuilder/secure-server'
import { type Environment, formSuffix, loadConfig } from '../config.ts'
import { SETTINGS } from '../config-table.ts'
import { parseDatabaseUrl } from '../database-url.ts'
import { AdapterError } from '../errors.ts'
import { errorName } from '../events.ts'
import { keyProblem } from '../protocol/keyring.ts'
import { readSettings } from '../settings.ts'
import { HORIZON_SECONDS, openStore, refusedAsRestored, type StorePlace } from '../store/open.ts'
import { inspectPostgres } from '../store/postgres/inspect.ts'
import { integrityCheck, quickCheck } from '../store/sqlite/backup.ts'
import { hasStore } from '../store/sqlite/folder.ts'

/** One result of a check. */
export interface Finding {
  readonly name: string
  /** `warning`: it works, but should be changed. */
  readonly result: 'ok' | 'warning' | 'problem'
  /** Never contains a secret. */
  readonly detail: string
}

/** One check. An error that it throws is reported as a problem. */
export interface Check {
  readonly name: string
  /** Runs the check and returns its findings. */
  run(): Promise<Omit<Finding, 'name'>[]>
}

/** What the checks of an adapter look at. */
export interface CheckedAdapter {
  readonly environment: Environment
  readonly forms: readonly string[]
  /** URLs that it has to reach. */
  readonly targets: readonly string[]
  /** Whether to look at every index of SQLite too, which takes several times as long. */
  readonly deep?: boolean
}

/** The checks of an adapter. */
export function adapterChecks(
  { environment, forms, targets, deep = false }: CheckedAdapter,
  now = new Date(),
): Check[] {
  const { values, problems } = readSettings(SETTINGS, environment)
  const { HOST, TLS_CERT_FILE, TLS_KEY_FILE } = values
  // A store that the settings do not name well is not looked for in another place.
  const isPlaced = !problems.some((each) => /^(DATABASE_URL|DATABASE_CONNECTIONS|DATA_DIR) /.test(each))
  return [
    { name: 'configuration', run: async () => configuration(environment, forms) },
    { name: 'keys', run: async () => keys(environment, forms) },
    ...(TLS_CERT_FILE !== undefined && TLS_KEY_FILE !== undefined
      ? [{ name: 'certificate', run: async () => certificate(TLS_CERT_FILE, TLS_KEY_FILE, now) }]
      : []),
    ...(HOST === undefined ? [] : [{ name: 'HOST', run: () => resolves(HOST) }]),
    ...(isPlaced ? [{ name: 'store', run: () => store(values, deep) }] : []),
    ...targets.map((target) => ({ name: target, run: () => reach(target) })),
  ]
}

/** Runs checks one after another. */
export async function diagnose(checks: readonly Check[]): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const { name, run } of checks) {
    const found = await run().catch((error: unknown) => [problem(described(error))])
    findings.push(...found.map((each) => ({ name, ...each })))
  }
  return findings
}

const ok = (detail: string) => ({ result: 'ok', detail }) as const
const warning = (detail: string) => ({ result: 'warning', detail }) as const
const problem = (detail: string) => ({ result: 'problem', detail }) as const

function configuration(environment: Environment, forms: readonly string[]) {
  try {
    loadConfig(environment, forms)
    return [ok('all settings are valid')]
  } catch (error) {
    if (!(error instanceof AdapterError)) throw error
    return error.message.split('\n- ').slice(1).map(problem)
  }
}

/** Current and previous keys, by the names of their settings. */
function keys(environment: Environment, forms: readonly string[]) {
  const names = ['', ...forms.map((form) => `__${formSuffix(form)}`)]
  const found = names.flatMap((suffix) => {
    const current = environment[`JWE_SHARED_KEY${suffix}`]
    const previous = (environment[`JWE_PREVIOUS_KEYS${suffix}`] ?? '').split(',').map((key) => key.trim())
    return [
      ...(current ? [[`JWE_SHARED_KEY${suffix}`, current]] : []),
      ...previous.filter(Boolean).map((key, i) => [`JWE_PREVIOUS_KEYS${suffix}, key ${i + 1}`, key]),
    ] as [string, string][]
  })
  return found.map(([name, key]) => {
    const weakness = keyProblem(key)
    const kind = key.length === 16 ? 'A128GCM' : 'A256GCM or A128CBC-HS256'
    if (weakness === undefined) return ok(`${name} has ${key.length} characters, for ${kind}`)
    return key.length === 16 || key.length === 32 ? warning(`${name} ${weakness}`) : problem(`${name} ${weakness}`)
  })
}

/** Reads both files as the server does. */
function certificate(certFile: string, keyFile: string, now: Date) {
  const cert = { path: 'TLS_CERT_FILE', contents: readFileSync(certFile) }
  const key = { path: 'TLS_KEY_FILE', contents: readFileSync(keyFile) }
  const { notAfter, names = 'no name' } = parseIdentity(cert, key, undefined, now)
  const days = Math.floor((notAfter.getTime() - now.getTime()) / DAY_MILLISECONDS)
  const until = `until ${notAfter.toISOString().slice(0, 10)}`
  return [days < FEW_DAYS ? warning(`valid ${until}, ${days} days from now`) : ok(`for ${names}, valid ${until}`)]
}

/** Case systems fetch files from this name. It may be known elsewhere only, so a resolver that has no answer now is no problem. */
async function resolves(host: string) {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
  try {
    const addresses = await lookup(name, { all: true })
    return [ok(`stands for ${addresses.length} address${addresses.length === 1 ? '' : 'es'}`)]
  } catch (error) {
    const isUnknown = (error as NodeJS.ErrnoException).code === 'ENOTFOUND'
    return isUnknown ? [problem('no address is known for this name')] : [warning(`not resolved: ${errorName(error)}`)]
  }
}

function store({ DATABASE_URL: url, DATA_DIR: folder = './data' }: Partial<StorePlace>, deep: boolean) {
  return url === undefined ? sqlite(folder, deep) : postgres(url)
}

/** In this process, beside the adapter that may be running. */
async function sqlite(folder: string, deep: boolean) {
  if (!hasStore(folder)) return [ok(`none yet; the adapter can create it in ${writableAncestor(folder)}`)]
  const place = { DATABASE_URL: undefined, DATA_DIR: folder }
  await assertWritable(place)
  const damage = await (deep ? integrityCheck : quickCheck)(folder)
  const refusal = await refusedAsRestored(place)
  if (damage.length === 0 && refusal === undefined) {
    return [ok(`SQLite in ${folder}, can be written to, no damage found${deep ? ', nor in its indexes' : ''}`)]
  }
  const what = damage.slice(0, FEW_PROBLEMS).join('; ')
  return [
    ...(damage.length === 0
      ? []
      : [
          problem(
            `SQLite in ${folder} is damaged (${what}): stop the adapter, keep a copy of it, and restore a backup`,
          ),
        ]),
    ...(refusal === undefined ? [] : [problem(refusal.message)]),
  ]
}

async function postgres(url: string) {
  const { server, isMade, mayMake } = await inspectPostgres(url)
  if (!isMade) {
    return mayMake
      ? [ok(`PostgreSQL ${server}, without tables yet; the adapter can create them`)]
      : [problem(`PostgreSQL ${server} has no tables yet, and this user may not create a schema`)]
  }
  await assertWritable({ DATABASE_URL: url, DATABASE_CONNECTIONS: 2, DATA_DIR: undefined })
  const database = parseDatabaseUrl(url)
  const unchecked = 'value' in database ? database.value.warning : undefined
  return [
    ok(`PostgreSQL ${server}, can be written to`),
    ...(unchecked === undefined ? [] : [warning(`DATABASE_URL: ${unchecked}`)]),
  ]
}

async function assertWritable(place: StorePlace): Promise<void> {
  const opened = await openStore(place, { migrate: false, horizonSeconds: HORIZON_SECONDS })
  try {
    await opened.check()
  } finally {
    await opened.close()
  }
}

/** The closest parent folder that exists. @throws if it is not writable. */
function writableAncestor(folder: string): string {
  let ancestor = resolve(folder)
  while (!existsSync(ancestor)) ancestor = dirname(ancestor)
  accessSync(ancestor, constants.W_OK | constants.X_OK)
  return ancestor
}

/** The target need not know this request, so that any status is its answer but those by which a proxy says that it is unavailable. */
async function reach(target: string) {
  if (!URL.canParse(target)) return [problem('is not a URL')]
  const url = new URL(target)
  const status = await new Promise<number>((resolve, reject) => {
    const ask = url.protocol === 'https:' ? request : plainRequest
    const asking = ask(url, { method: 'GET', timeout: PATIENCE_MILLISECONDS, agent: false }, (response) => {
      response.destroy()
      resolve(response.statusCode ?? 0)
    })
    asking.on('timeout', () => asking.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })))
    asking.on('error', reject)
    asking.end()
  })
  if (status >= 502 && status <= 504) return [problem(`is unavailable: the proxy before it answers ${status}`)]
  return [ok(`answers (${status})`)]
}

function described(error: unknown): string {
  return error instanceof AdapterError || error instanceof SecureServerError ? error.message : errorName(error)
}

const DAY_MILLISECONDS = 86_400_000
const FEW_DAYS = 21
const FEW_PROBLEMS = 5
const PATIENCE_MILLISECONDS = 10_000
