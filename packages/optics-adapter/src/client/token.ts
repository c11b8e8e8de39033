/** Fetches the access token for Optics and keeps it until shortly before it expires. */
import { retryAfterSeconds } from '@formbuilder/adapter-sdk'
import type { AxiosInstance } from 'axios'
import { SignJWT } from 'jose'
import { OpticsError } from '../errors.ts'
import { DATABASE } from './createcase.ts'
import { ExchangeFailed, exchange, type OpticsAnswer } from './exchange.ts'
import { applicationError } from './refusal.ts'

/** Which Optics to ask for tokens, and with which keys. */
export interface TokenOptions {
  /** Base URL of Optics, without a slash at the end. */
  readonly endpoint: string
  readonly apiKey: string
  readonly secretKey: string
  readonly timeoutSeconds: number
}

/** The signed assertion that is exchanged for a token. Header and claims keep the order that the Ruby adapter sends. */
export function assertion(
  { endpoint, apiKey, secretKey }: Omit<TokenOptions, 'timeoutSeconds'>,
  now: Date,
): Promise<string> {
  const iat = Math.floor(now.getTime() / 1000)
  return new SignJWT({ iss: apiKey, aud: tokenUrl(endpoint), iat })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secretKey))
}

/** One token for all requests. It is fetched when first needed; concurrent callers share one request. */
export class Tokens {
  readonly #client: AxiosInstance
  readonly #options: TokenOptions
  readonly #now: () => number
  #token: { readonly accessToken: string; readonly expiresAt: number } | undefined
  #fetching: Promise<string> | undefined

  /** `now` is the time in milliseconds. */
  constructor(client: AxiosInstance, options: TokenOptions, now: () => number) {
    this.#client = client
    this.#options = options
    this.#now = now
  }

  /** @throws {OpticsError} ERR_OPTICS_UNREACHABLE, ERR_OPTICS_TOKEN_REFUSED, ERR_OPTICS_BUSY. The next call tries again. */
  async get(): Promise<string> {
    if (this.#token !== undefined && this.#now() < this.#token.expiresAt) return this.#token.accessToken
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  /** Forgets this token, unless a newer one has already replaced it. */
  discard(accessToken: string): void {
    if (this.#token?.accessToken === accessToken) this.#token = undefined
  }

  async #fetch(): Promise<string> {
    const askedAt = this.#now()
    const { accessToken, expiresIn } = parseToken(await this.#request())
    // The last tenth of a token's life, at most five minutes, is not used: a token must not expire on its way to Optics.
    const usableSeconds = expiresIn - Math.min(MARGIN_SECONDS, expiresIn / 10)
    this.#token = { accessToken, expiresAt: askedAt + usableSeconds * 1000 }
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
      const { mayHaveArrived, reason, message } = error
      throw mayHaveArrived
        ? new OpticsError(
            'ERR_OPTICS_TOKEN_REFUSED',
            `Optics did not answer the token request: ${reason}, ${message}`,
            { cause: error },
          )
        : new OpticsError('ERR_OPTICS_UNREACHABLE', `could not connect to Optics for the token request: ${message}`, {
            cause: error,
          })
    }
  }
}

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const MARGIN_SECONDS = 300
// RFC 6749 section 5.1 makes expires_in optional. Optics sends 3600.
const DEFAULT_LIFE_SECONDS = 300

function tokenUrl(endpoint: string): string {
  return `${endpoint}/token?db=${DATABASE}`
}

function refused(answer: OpticsAnswer): OpticsError {
  answer.discard()
  const { status } = answer
  const message = `Optics answered the token request with ${status}${applicationError(answer)}`
  if (status !== 429) return new OpticsError('ERR_OPTICS_TOKEN_REFUSED', message, { status })
  return new OpticsError('ERR_OPTICS_BUSY', message, {
    status,
    retryAfterSeconds: retryAfterSeconds(answer.header('retry-after')),
  })
}

/**
 * Reads the token from an answer with status 200. Optics answers a wrong database name with 200 and an empty body. A token
 * of another type than Bearer, or beside an error (RFC 6749 section 5), cannot be used.
 */
function parseToken(answer: string): { accessToken: string; expiresIn: number } {
  let parsed: unknown
  try {
    parsed = JSON.parse(answer)
  } catch {
    // Ignored, because the message of a JSON error quotes the answer. The check below reports it.
  }
  const { access_token, token_type, expires_in, error } =
    typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {}
  const isToken = typeof access_token === 'string' && /^[\x21-\x7e]+$/.test(access_token)
  const isBearer = token_type === undefined || (typeof token_type === 'string' && /^bearer$/i.test(token_type))
  const message = 'Optics answered the token request with 200 but without an access_token that can be used'
  if (!isToken || !isBearer || (error ?? '') !== '')
    throw new OpticsError('ERR_OPTICS_TOKEN_REFUSED', message, { status: 200 })
  const expiresIn = Number(expires_in)
  return {
    accessToken: access_token,
    expiresIn: expiresIn > 0 && Number.isFinite(expiresIn) ? expiresIn : DEFAULT_LIFE_SECONDS,
  }
}
