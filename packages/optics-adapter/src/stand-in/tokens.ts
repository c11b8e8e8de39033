/** Access tokens: given for a signed assertion, good for a while. */
import { randomUUID } from 'node:crypto'
import { jwtVerify } from 'jose'

/** Whom the stand-in gives tokens to. */
export interface TokenOptions {
  readonly apiKey: string
  readonly secretKey: string
  /** How long a token is good for, in seconds. Default 3600. */
  readonly tokenSeconds?: number
  /** Name of the database. Default `hmcts`. */
  readonly account?: string
}

/** Gives out tokens and knows which are still good. */
export class Tokens {
  readonly #options: TokenOptions
  readonly #expiry = new Map<string, number>()

  constructor(options: TokenOptions) {
    this.#options = options
  }

  /** A new token, or undefined for an assertion that is not by the holder of the keys. */
  async issue(assertion: string): Promise<{ accessToken: string; expiresIn: number } | undefined> {
    const { apiKey, secretKey, account = 'hmcts', tokenSeconds = 3600 } = this.#options
    try {
      const { payload } = await jwtVerify(assertion, new TextEncoder().encode(secretKey), {
        algorithms: ['HS256'],
        issuer: apiKey,
        requiredClaims: ['aud', 'iat'],
        maxTokenAge: '1 hour',
        clockTolerance: '1 minute',
      })
      const audience = new URL(String(payload.aud))
      if (!`${audience.pathname}${audience.search}`.endsWith(`/token?db=${account}`)) return undefined
    } catch {
      return undefined
    }
    const accessToken = randomUUID()
    this.#expiry.set(accessToken, Date.now() + tokenSeconds * 1000)
    return { accessToken, expiresIn: tokenSeconds }
  }

  isGood(accessToken: string | undefined): boolean {
    return accessToken !== undefined && Date.now() < (this.#expiry.get(accessToken) ?? 0)
  }

  /** Ends every token that was given out. */
  expireAll(): void {
    this.#expiry.clear()
  }
}
