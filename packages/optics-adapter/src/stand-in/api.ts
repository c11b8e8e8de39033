/** The part of the iCasework API that the stand-in has: turns a request into an answer. */
import {
  type Answer,
  applicationError,
  attributeAnswer,
  createcaseAnswer,
  detailsAnswer,
  documentsAnswer,
  emptyAnswer,
  errorPage,
  tokenAnswer,
} from './answers.ts'
import type { Cases } from './cases.ts'
import { type documentFetcher, documentsIn } from './documents.ts'
import type { Route } from './failures.ts'
import type { Tokens } from './tokens.ts'

/** A request that was read completely. */
export interface ApiRequest {
  readonly method: string
  readonly query: URLSearchParams
  readonly contentType: string
  readonly authorization: string | undefined
  readonly body: string
}

/** What the API needs to answer requests. */
export interface ApiParts {
  readonly account: string
  readonly types: readonly string[]
  readonly tokens: Tokens
  readonly cases: Cases
  readonly fetchDocument: ReturnType<typeof documentFetcher>
}

/** Returns the function that answers requests. With `documentsFail` it answers as if no document could be fetched. */
export function api({ account, types, tokens, cases, fetchDocument }: ApiParts) {
  const routes: Record<Route, (request: ApiRequest, documentsFail: boolean) => Promise<Answer>> = {
    async token({ method, query, body }) {
      const { grant_type, assertion } = Object.fromEntries(method === 'GET' ? query : new URLSearchParams(body))
      const token = grant_type === JWT_BEARER ? await tokens.issue(assertion ?? '') : undefined
      return token ? tokenAnswer(token.accessToken, token.expiresIn) : applicationError(400, '19002', 'invalid_grant')
    },

    async createcase({ method, contentType, body }, documentsFail) {
      if (method !== 'POST') return errorPage(400)
      const fields = parseFields(contentType, body)
      if (fields === undefined || !types.includes(String(fields['Type'] ?? ''))) return errorPage(400)
      // Like iCasework, this creates the case first and keeps it when a document cannot be fetched.
      const created = cases.add(fields)
      for (const wanted of documentsIn(fields)) {
        const document = documentsFail ? wanted : await fetchDocument(wanted)
        created.attach(document)
        if (!('fetched' in document)) return errorPage(500)
      }
      return documentsFail ? errorPage(500) : createcaseAnswer({ caseId: created.caseId, fields })
    },

    async getcaseattribute({ query }) {
      if (query.get('Attribute') !== 'CaseId') return errorPage(400)
      const found = cases.find(identifiers(query))
      return found.length === 0 ? errorPage(400) : attributeAnswer(found, query.get('Format'))
    },

    async getcasedetails({ query }) {
      const found = cases.find(identifiers(query))
      return found.length === 0 ? errorPage(400) : detailsAnswer(found, query.get('Format'))
    },

    async getcasedocuments({ query }) {
      return documentsAnswer(cases.find(identifiers(query)))
    },
  }

  return async (route: Route, request: ApiRequest, { documentsFail = false } = {}): Promise<Answer> => {
    if (request.query.get('db') !== account) return emptyAnswer
    if (route !== 'token' && !tokens.isValid(bearer(request))) return errorPage(401)
    return routes[route](request, documentsFail)
  }
}

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

function bearer({ authorization, query }: ApiRequest): string | undefined {
  return /^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? query.get('access_token') ?? undefined
}

function identifiers(query: URLSearchParams) {
  return { caseId: query.get('CaseId') ?? undefined, externalId: query.get('ExternalId') ?? undefined }
}

function parseFields(contentType: string, body: string): Record<string, unknown> | undefined {
  if (/^application\/x-www-form-urlencoded\b/.test(contentType)) return Object.fromEntries(new URLSearchParams(body))
  if (!/^application\/json\b/.test(contentType)) return undefined
  try {
    const fields: unknown = JSON.parse(body)
    return typeof fields === 'object' && fields !== null ? { ...fields } : undefined
  } catch {
    return undefined
  }
}
