/** Issues access tokens for signed assertions, and knows which are still valid. */
import { randomUUID } from 'node:crypto'
import { jwtVerify } from 'jose'

/** Who may get tokens, and for how long they are valid. */
export interface TokenOptions {
  readonly apiKey: string
  readonly secretKey: string
  /** Lifetime of a token, in seconds. Default 3600. */
  readonly tokenSeconds?: number
  /** Name of the database. Default `hmcts`. */
  readonly account?: string
}

/** The tokens that were issued. */
export class Tokens {
  readonly #options: TokenOptions
  readonly #expiry = new Map<string, number>()

  constructor(options: TokenOptions) {
    this.#options = options
  }

  /** Returns a new token, or undefined when the assertion was not signed with the right keys. */
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

  isValid(accessToken: string | undefined): boolean {
    return accessToken !== undefined && Date.now() < (this.#expiry.get(accessToken) ?? 0)
  }

  /** Makes every issued token invalid. */
  expireAll(): void {
    this.#expiry.clear()
  }
}
