/** Fetches CRLs from their distribution points on a schedule, and keeps the newest valid one of each authority. */
import type { X509Certificate } from 'node:crypto'
import { reasonOf, SecureServerError } from '../errors.ts'
import type { CrlRefusal, ServerEvent } from '../events.ts'
import { networks } from '../networks.ts'
import { type Crl, parseCrls } from './crl.ts'
import { CrlError, download } from './crl-download.ts'
import { makePrivate, readKeptCrls, writeKeptCrls } from './kept-crls.ts'
import { type StaleCrlPolicy, staleMillisecondsOf } from './stale-crls.ts'
import { readAuthorities } from './trust.ts'

/** Where CRLs are fetched from, how often, and where they are kept. */
export interface CrlFetchOptions {
  /** `http:` or `https:` URLs of the distribution points, one CRL each. Nothing else is ever requested. */
  readonly urls: readonly string[]
  /** The fetched CRLs, in PEM: written by one server only, for its owner only, and read again at its next start. */
  readonly file: string
  /** Addresses and CIDRs that are not public and may be connected to nevertheless; default none. */
  readonly privateAddresses?: readonly string[]
  /** From the end of one round to the next (default 60, 0.01 to 10,080). After a failure the next one comes after 5 at most. */
  readonly everyMinutes?: number
  /** For one CRL (default 30, 0.1 to 600). */
  readonly timeoutSeconds?: number
  /** Size of one CRL (default 16 MiB, 1 KiB to 1 GiB). */
  readonly maxBytes?: number
}

/** Fetches for one server. */
export class CrlFetch {
  readonly #options: Required<CrlFetchOptions>
  readonly #caFiles: readonly string[]
  readonly #knownExtensions: readonly string[]
  readonly #onEvent: (event: ServerEvent) => void
  readonly #isAllowed: (address: string) => boolean
  readonly #stopped = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #failed = false

  /** @throws {SecureServerError} ERR_OPTIONS_INVALID */
  constructor(
    options: CrlFetchOptions,
    { caFiles, staleCrl }: { readonly caFiles: readonly string[]; readonly staleCrl?: StaleCrlPolicy },
    onEvent: (event: ServerEvent) => void,
  ) {
    this.#options = { ...DEFAULTS, ...options }
    this.#caFiles = caFiles
    // OpenSSL knows this extension, and checks CRLs only if no stale one is accepted.
    this.#knownExtensions = staleMillisecondsOf(staleCrl) === 0 ? [ISSUING_DISTRIBUTION_POINT] : []
    this.#onEvent = onEvent
    assertOptions(this.#options)
    this.#isAllowed = networks(this.#options.privateAddresses)
  }

  get file(): string {
    return this.#options.file
  }

  /**
   * Fetches once.
   * @throws {SecureServerError} ERR_TRUST_INVALID: there is no CRL, neither fetched nor kept.
   */
  async open(): Promise<void> {
    if ((await this.#round()) > 0) return
    throw new SecureServerError('ERR_TRUST_INVALID', `no CRL could be fetched, and ${this.file} has none`)
  }

  /** Fetches again and again, until `stop`. */
  start(): void {
    const minutes = Math.min(this.#options.everyMinutes, this.#failed ? RETRY_MINUTES : Number.POSITIVE_INFINITY)
    this.#timer = setTimeout(async () => {
      await this.#round()
      if (!this.#stopped.signal.aborted) this.start()
    }, minutes * 60_000).unref()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#stopped.abort()
  }

  /** Resolves to the number of CRLs that the file has then. Never rejects. */
  async #round(): Promise<number> {
    this.#failed = false
    const found = await readKeptCrls(this.file)
    try {
      const authorities = await readAuthorities(this.#caFiles)
      const kept = new Map<X509Certificate, Crl>()
      for (const crl of found) keepNewer(kept, crl, authorities)
      const fetched = await Promise.all(this.#options.urls.map((url) => this.#fetch(new URL(url), kept, authorities)))
      if (this.#stopped.signal.aborted) return kept.size
      for (const crl of fetched) if (crl !== undefined) keepNewer(kept, crl, authorities)
      await this.#write(found, [...kept.values()])
      return kept.size
    } catch (error) {
      this.#refuse(undefined, 'file', reasonOf(error))
      return found.length
    }
  }

  /** A CRL that may be kept, or undefined after an event that says why not. */
  async #fetch(
    url: URL,
    kept: ReadonlyMap<X509Certificate, Crl>,
    authorities: readonly X509Certificate[],
  ): Promise<Crl | undefined> {
    try {
      const rules = { ...this.#options, isAllowed: this.#isAllowed }
      const crl = oneCrl(await download(url, rules, this.#stopped.signal))
      assertUsable(crl, kept, authorities, this.#knownExtensions)
      this.#onEvent({ type: 'crl.fetched', host: url.host, thisUpdate: crl.thisUpdate, nextUpdate: crl.nextUpdate })
      return crl
    } catch (error) {
      if (!this.#stopped.signal.aborted)
        this.#refuse(url.host, error instanceof CrlError ? error.reason : 'unreachable')
      return undefined
    }
  }

  async #write(found: readonly Crl[], kept: readonly Crl[]): Promise<void> {
    if (kept.length === 0) return
    // An unchanged file is not written: the server would read it again.
    if (found.length === kept.length && kept.every(({ pem }, at) => pem === found[at]?.pem))
      await makePrivate(this.file)
    else await writeKeptCrls(this.file, kept)
  }

  #refuse(host: string | undefined, reason: CrlRefusal, code?: string): void {
    this.#failed = true
    this.#onEvent({ type: 'crl.refused', reason, ...(host && { host }), ...(code !== undefined && { code }) })
  }
}

const DEFAULTS = {
  privateAddresses: [] as readonly string[],
  everyMinutes: 60,
  timeoutSeconds: 30,
  maxBytes: 16 * 1024 * 1024,
}
const RETRY_MINUTES = 5
const EVERY_MINUTES_MIN = 0.01
/** `setTimeout` counts in 31 bits. */
const EVERY_MINUTES_MAX = 10_080

function assertOptions({
  urls,
  file,
  privateAddresses,
  everyMinutes,
  timeoutSeconds,
  maxBytes,
}: Required<CrlFetchOptions>): void {
  const problems: string[] = []
  if (urls.length === 0 || !urls.every(isDistributionPoint))
    problems.push('crlFetch.urls is empty or has an entry that is not an http or https URL without credentials')
  if (file === '') problems.push('crlFetch.file is empty')
  if (!areNetworks(privateAddresses))
    problems.push('crlFetch.privateAddresses has an entry that is neither an address nor a CIDR')
  if (!(everyMinutes >= EVERY_MINUTES_MIN && everyMinutes <= EVERY_MINUTES_MAX))
    problems.push(`crlFetch.everyMinutes is not between ${EVERY_MINUTES_MIN} and ${EVERY_MINUTES_MAX}`)
  if (!(timeoutSeconds >= 0.1 && timeoutSeconds <= 600))
    problems.push('crlFetch.timeoutSeconds is not between 0.1 and 600')
  if (!(Number.isInteger(maxBytes) && maxBytes >= 1024 && maxBytes <= 2 ** 30))
    problems.push('crlFetch.maxBytes is not between 1024 and 1073741824')
  if (problems.length > 0) throw new SecureServerError('ERR_OPTIONS_INVALID', problems.join('; '))
}

function isDistributionPoint(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
}

function areNetworks(entries: readonly string[]): boolean {
  try {
    networks(entries)
    return true
  } catch {
    return false
  }
}

/** @throws {CrlError} form */
function oneCrl(bytes: Buffer): Crl {
  try {
    const [crl, ...rest] = parseCrls(bytes)
    if (crl !== undefined && rest.length === 0) return crl
  } catch {}
  throw new CrlError('form')
}

/** @throws {CrlError} extension, issuer, early, older. */
function assertUsable(
  crl: Crl,
  kept: ReadonlyMap<X509Certificate, Crl>,
  authorities: readonly X509Certificate[],
  knownExtensions: readonly string[],
): void {
  // A delta CRL has such an extension, and lists only what has changed.
  if (!crl.criticalExtensions.every((oid) => knownExtensions.includes(oid))) throw new CrlError('extension')
  const issuer = issuerOf(crl, authorities)
  if (issuer === undefined) throw new CrlError('issuer')
  if (crl.thisUpdate.getTime() > Date.now()) throw new CrlError('early')
  const held = kept.get(issuer)
  if (held !== undefined && crl.thisUpdate < held.thisUpdate) throw new CrlError('older')
}

const ISSUING_DISTRIBUTION_POINT = '551d1c'

/** The authority whose name a CRL has, and whose key has signed it. */
function issuerOf(crl: Crl, authorities: readonly X509Certificate[]): X509Certificate | undefined {
  return authorities.find((authority) => crl.hasIssuer(authority) && crl.isSignedBy(authority))
}

function keepNewer(kept: Map<X509Certificate, Crl>, crl: Crl, authorities: readonly X509Certificate[]): void {
  const issuer = issuerOf(crl, authorities)
  if (issuer === undefined) return
  const held = kept.get(issuer)
  if (held === undefined || held.thisUpdate <= crl.thisUpdate) kept.set(issuer, crl)
}
