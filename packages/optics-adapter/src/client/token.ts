/** Access to Optics: one bearer token for all requests, for as long as it is good. */
import type { AxiosInstance } from 'axios'
import { SignJWT } from 'jose'
import { OpticsError } from '../errors.ts'
import { DATABASE } from './createcase.ts'
import { ExchangeFailed, exchange, type OpticsAnswer } from './exchange.ts'
import { applicationError, retryAfterSeconds } from './refusal.ts'

/** Whose tokens, and from where. */
export interface TokenOptions {
  /** Where Optics is, without a slash at the end. */
  readonly endpoint: string
  readonly apiKey: string
  readonly secretKey: string
  readonly timeoutSeconds: number
}

/** The signed assertion that is exchanged for a token: header and claims in the order in which Optics has always got them. */
export function assertion(
  { endpoint, apiKey, secretKey }: Omit<TokenOptions, 'timeoutSeconds'>,
  now: Date,
): Promise<string> {
  const iat = Math.floor(now.getTime() / 1000)
  return new SignJWT({ iss: apiKey, aud: tokenUrl(endpoint), iat })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secretKey))
}

/** Fetches a token when one is needed and keeps it until shortly before it ends. Concurrent callers share one request. */
export class Tokens {
  readonly #client: AxiosInstance
  readonly #options: TokenOptions
  readonly #now: () => number
  #kept: { readonly accessToken: string; readonly endsAt: number } | undefined
  #fetching: Promise<string> | undefined

  /** `now` is the time in milliseconds. */
  constructor(client: AxiosInstance, options: TokenOptions, now: () => number) {
    this.#client = client
    this.#options = options
    this.#now = now
  }

  /** @throws {OpticsError} ERR_OPTICS_UNREACHABLE, ERR_OPTICS_TOKEN_REFUSED, ERR_OPTICS_BUSY. The next call tries again. */
  async get(): Promise<string> {
    if (this.#kept !== undefined && this.#now() < this.#kept.endsAt) return this.#kept.accessToken
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  /** Forgets this token, unless another has taken its place. */
  discard(accessToken: string): void {
    if (this.#kept?.accessToken === accessToken) this.#kept = undefined
  }

  async #fetch(): Promise<string> {
    const askedAt = this.#now()
    const { accessToken, expiresIn } = parseToken(await this.#request())
    // A token is not used in its last tenth, at most five minutes, so that none ends on its way.
    const goodFor = expiresIn - Math.min(MARGIN_SECONDS, expiresIn / 10)
    this.#kept = { accessToken, endsAt: askedAt + goodFor * 1000 }
    return accessToken
  }

  async #request(): Promise<string> {
    const { endpoint, timeoutSeconds } = this.#options
    try {
      const answer = await exchange(this.#client, {
        method: 'POST',
        url: tokenUrl(endpoint),
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body: Buffer.from(
          String(
            new URLSearchParams({
              grant_type: JWT_BEARER,
              assertion: await assertion(this.#options, new Date(this.#now())),
            }),
          ),
        ),
        signal: AbortSignal.timeout(2 * timeoutSeconds * 1000),
        timeoutSeconds,
      })
      if (answer.status === 200) return await answer.text()
      throw refused(answer)
    } catch (error) {
      if (!(error instanceof ExchangeFailed)) throw error
      throw error.written
        ? new OpticsError('ERR_OPTICS_TOKEN_REFUSED', `the token request had no answer: ${error.how}, ${error.message}`)
        : new OpticsError('ERR_OPTICS_UNREACHABLE', `no connection for the token request: ${error.message}`)
    }
  }
}

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const MARGIN_SECONDS = 300
// RFC 6749 lets a server leave expires_in out. Optics has always sent 3600.
const UNSTATED_LIFE_SECONDS = 300

function tokenUrl(endpoint: string): string {
  return `${endpoint}/token?db=${DATABASE}`
}

function refused(answer: OpticsAnswer): OpticsError {
  answer.discard()
  const message = `the token request was answered with ${answer.status}${applicationError(answer)}`
  if (answer.status !== 429) return new OpticsError('ERR_OPTICS_TOKEN_REFUSED', message)
  return new OpticsError('ERR_OPTICS_BUSY', message, { retryAfterSeconds: retryAfterSeconds(answer) })
}

/** A wrong database name is answered with 200 and nothing. */
function parseToken(answer: string): { accessToken: string; expiresIn: number } {
  let parsed: unknown
  try {
    parsed = JSON.parse(answer)
  } catch {
    // The parser's message would quote the answer.
  }
  const { access_token, expires_in } =
    typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {}
  if (typeof access_token !== 'string' || !/^[\x21-\x7e]+$/.test(access_token))
    throw new OpticsError(
      'ERR_OPTICS_TOKEN_REFUSED',
      'the token request was answered with 200, but without an access_token',
    )
  const expiresIn = Number(expires_in)
  return {
    accessToken: access_token,
    expiresIn: expiresIn > 0 && Number.isFinite(expiresIn) ? expiresIn : UNSTATED_LIFE_SECONDS,
  }
}
