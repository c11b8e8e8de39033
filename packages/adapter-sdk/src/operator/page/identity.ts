/** Identifies the users of the operator's page: by user name and password, or by the header of a trusted proxy. */

import { type Credentials, isAuthorised } from '@formbuilder/secure-server'
import type { Context, Middleware, Next } from 'koa'
import type { Emit } from '../../events.ts'

export interface IdentityOptions {
  readonly credentials?: Credentials | undefined
  /** The header in which a proxy names the signed-in user, and the addresses from which it is trusted. */
  readonly forwarded?: { readonly header: string; readonly isTrusted: (address: string | undefined) => boolean }
  readonly emit: Emit
}

/** Koa middleware that refuses unknown users, and keeps the name of a known one for `userOf`. */
export function identity({ credentials, forwarded, emit }: IdentityOptions): Middleware {
  return async (ctx: Context, next: Next) => {
    const user = forwardedUser(ctx) ?? basicUser(ctx)
    if (user !== undefined) {
      ctx.state[USER] = user
      return await next()
    }
    // The first request of a browser has no credentials, because it does not know yet that it needs them.
    if (credentials === undefined || ctx.get('Authorization') !== '')
      emit({ event: 'operator.refused', why: 'identity' })
    ctx.status = credentials === undefined ? 403 : 401
    if (credentials !== undefined) ctx.set('WWW-Authenticate', 'Basic realm="Operator", charset="UTF-8"')
    ctx.body = 'Access denied.\n'
  }

  function forwardedUser(ctx: Context): string | undefined {
    if (forwarded === undefined || !forwarded.isTrusted(ctx.req.socket.remoteAddress)) return undefined
    const name = ctx.get(forwarded.header)
    return NAME.test(name) ? name : undefined
  }

  function basicUser(ctx: Context): string | undefined {
    if (credentials === undefined || !isAuthorised(ctx.get('Authorization'), credentials)) return undefined
    return credentials.username
  }
}

/** Name of the signed-in user. */
export function userOf(ctx: Context): string {
  return String(ctx.state[USER])
}

const USER = 'operator'
// An e-mail address or a login: short, on one line, without markup.
const NAME = /^[\p{L}\p{N}._@+'-][\p{L}\p{N} ._@+'-]{0,99}$/u
