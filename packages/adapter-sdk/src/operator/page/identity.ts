/** Identifies the users of the operator's page: by user name and password, or by the header of a trusted proxy. */

import { type Credentials, isAuthorised } from '@formbuilder/secure-server'
import type { Context, Middleware, Next } from 'koa'
import type { Emit } from '../../events.ts'

export interface IdentityOptions {
  readonly credentials?: Credentials | undefined
  /** Of somebody who may look and not act. */
  readonly reader?: Credentials | undefined
  readonly forwarded?: Forwarded
  readonly emit: Emit
}

/** A proxy that signs people in. */
export interface Forwarded {
  /** The header in which it names the signed-in user. */
  readonly header: string
  /** The header in which it sends the user's groups. */
  readonly groupsHeader?: string | undefined
  /** Groups, or without that header names, that may act; empty: everybody may. */
  readonly writers: readonly string[]
  /** Whether the header comes from the proxy. */
  readonly isTrusted: (address: string | undefined) => boolean
}

interface User {
  readonly name: string
  readonly mayAct: boolean
}

/** Koa middleware that refuses unknown users, and keeps the name of a known one for `userOf`. */
export function identity({ credentials, reader, forwarded, emit }: IdentityOptions): Middleware {
  const hasPasswords = credentials !== undefined || reader !== undefined
  return async (ctx: Context, next: Next) => {
    const named = forwardedUser(ctx)
    const user = ('user' in named ? named.user : undefined) ?? basicUser(ctx)
    if (user !== undefined) {
      ctx.state[USER] = user satisfies User
      return await next()
    }
    // The first request of a browser has no credentials, because it does not know yet that it needs them.
    if (!hasPasswords || ctx.get('Authorization') !== '') {
      const detail = 'problem' in named ? { detail: named.problem } : {}
      emit({ event: 'operator.refused', why: 'identity', ...detail })
    }
    ctx.status = hasPasswords ? 401 : 403
    if (hasPasswords) ctx.set('WWW-Authenticate', 'Basic realm="Operator", charset="UTF-8"')
    ctx.body = 'Access denied.\n'
  }

  /** The user whom the proxy names, or what is wrong: never the name itself. */
  function forwardedUser(ctx: Context): { readonly user: User } | { readonly problem: string } | Record<never, never> {
    if (forwarded === undefined) return {}
    if (!forwarded.isTrusted(ctx.req.socket.remoteAddress))
      return { problem: 'the request is not from one of ADMIN_TRUSTED_PROXIES' }
    const { header, groupsHeader, writers } = forwarded
    const values = valuesOf(ctx, header)
    const name = decoded(values[0] ?? '')
    // A proxy that adds its header to the one of a stranger would let the stranger choose.
    const problem = values.length > 1 ? 'is there more than once' : nameProblem(name)
    if (problem !== undefined) return { problem: `the name in the header of ADMIN_FORWARDED_USER_HEADER ${problem}` }
    const groups = groupsHeader === undefined ? [] : valuesOf(ctx, groupsHeader)
    if (groups.length > 1) return { problem: 'the header of ADMIN_FORWARDED_GROUPS_HEADER is there more than once' }
    const known =
      groupsHeader === undefined
        ? [name]
        : decoded(groups[0] ?? '')
            .split(',')
            .map((each) => each.trim())
    return { user: { name, mayAct: writers.length === 0 || known.some((each) => writers.includes(each)) } }
  }

  function basicUser(ctx: Context): User | undefined {
    const given = ctx.get('Authorization')
    // Both are compared, so that the time of an answer does not say which of them failed.
    const [isWriter, isReader] = [credentials, reader].map((each) => each !== undefined && isAuthorised(given, each))
    if (isWriter && credentials !== undefined) return { name: credentials.username, mayAct: true }
    return isReader && reader !== undefined ? { name: reader.username, mayAct: false } : undefined
  }
}

/** Name of the signed-in user. */
export function userOf(ctx: Context): string {
  return (ctx.state[USER] as User).name // the middleware has set it
}

/** Whether the signed-in user may act, and not only look. */
export function mayAct(ctx: Context): boolean {
  return (ctx.state[USER] as User).mayAct // the middleware has set it
}

function valuesOf(ctx: Context, header: string): readonly string[] {
  return ctx.req.headersDistinct[header.toLowerCase()] ?? []
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
