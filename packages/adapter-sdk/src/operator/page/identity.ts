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
    const named = forwardedUser(ctx)
    const user = ('user' in named ? named.user : undefined) ?? basicUser(ctx)
    if (user !== undefined) {
      ctx.state[USER] = user
      return await next()
    }
    // The first request of a browser has no credentials, because it does not know yet that it needs them.
    if (credentials === undefined || ctx.get('Authorization') !== '') {
      const detail = 'problem' in named ? { detail: named.problem } : {}
      emit({ event: 'operator.refused', why: 'identity', ...detail })
    }
    ctx.status = credentials === undefined ? 403 : 401
    if (credentials !== undefined) ctx.set('WWW-Authenticate', 'Basic realm="Operator", charset="UTF-8"')
    ctx.body = 'Access denied.\n'
  }

  /** The user whom the proxy names, or what is wrong: never the name itself. */
  function forwardedUser(
    ctx: Context,
  ): { readonly user: string } | { readonly problem: string } | Record<never, never> {
    if (forwarded === undefined) return {}
    if (!forwarded.isTrusted(ctx.req.socket.remoteAddress))
      return { problem: 'the request is not from one of ADMIN_TRUSTED_PROXIES' }
    const values = ctx.req.headersDistinct[forwarded.header.toLowerCase()] ?? []
    const name = decoded(values[0] ?? '')
    // A proxy that adds its header to the one of a stranger would let the stranger choose.
    const problem = values.length > 1 ? 'is there more than once' : nameProblem(name)
    return problem === undefined
      ? { user: name }
      : { problem: `the name in the header of ADMIN_FORWARDED_USER_HEADER ${problem}` }
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

/** Node reads each byte of a header as a character. Proxies send UTF-8; what is not UTF-8 is Latin-1, as it stands. */
function decoded(value: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(value, 'latin1'))
  } catch {
    return value
  }
}

/**
 * What cannot be used of a name that an identity provider gives: `auth0|12345`, an e-mail address, a distinguished name or a
 * full name can all be. The page escapes what it shows, and the record keeps names as they are.
 */
function nameProblem(name: string): string | undefined {
  if (name === '') return 'is missing or empty'
  const length = [...name].length
  if (length > LONGEST_NAME) return `has ${length} characters, and ${LONGEST_NAME} are allowed`
  if (/^\s|\s$/.test(name)) return 'begins or ends with white space'
  if (/[<>]/.test(name)) return 'has < or >, as markup has'
  // One that cannot be seen makes two names look the same, or reorders a line of the record.
  const position = [...name].findIndex((character) => UNSEEN.test(character)) + 1
  return position === 0 ? undefined : `has a character that cannot be seen, at position ${position}`
}

const LONGEST_NAME = 256
// Two characters without width belong to the spelling of some languages.
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/u
