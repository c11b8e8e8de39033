/** Protects forms from cross-site requests: a signed token and a cookie that must match, bound to the signed-in user. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Context } from 'koa'
import { userOf } from './identity.ts'

export class Csrf {
  readonly #secret: Uint8Array
  readonly #isSecure: (ctx: Context) => boolean

  /** `secret`: the same in all replicas. `isSecure`: whether the browser uses HTTPS. */
  constructor(secret: Uint8Array, isSecure: (ctx: Context) => boolean) {
    this.#secret = secret
    this.#isSecure = isSecure
  }

  /** Returns the text for the hidden field of a form, and sets the cookie that belongs to it. */
  token(ctx: Context): string {
    const name = this.#cookieName(ctx)
    const held = ctx.cookies.get(name) ?? ''
    const value = COOKIE.test(held) ? held : randomBytes(32).toString('base64url')
    if (value !== held) {
      const secure = this.#isSecure(ctx) ? '; Secure' : ''
      ctx.append('Set-Cookie', `${name}=${value}; Path=/; HttpOnly; SameSite=Strict${secure}`)
    }
    return this.#sign(ctx, value)
  }

  /** Whether a posted form comes from this page, this browser and this user. */
  isOurs(ctx: Context, token: string): boolean {
    // If the browser names another site as the origin of a request, the request is refused.
    const site = ctx.get('Sec-Fetch-Site')
    if (site !== '' && site !== 'same-origin') return false
    const value = ctx.cookies.get(this.#cookieName(ctx)) ?? ''
    if (!COOKIE.test(value)) return false
    const [given, wanted] = [Buffer.from(token), Buffer.from(this.#sign(ctx, value))]
    return given.byteLength === wanted.byteLength && timingSafeEqual(given, wanted)
  }

  #sign(ctx: Context, value: string): string {
    return createHmac('sha256', this.#secret)
      .update(`${value}\0${userOf(ctx)}`)
      .digest('base64url')
  }

  /** With the prefix `__Host-`, no other host and no page over plain HTTP can set the cookie (RFC 6265bis section 4.1.3). */
  #cookieName(ctx: Context): string {
    return this.#isSecure(ctx) ? '__Host-form' : 'form'
  }
}

const COOKIE = /^[\w-]{43}$/
