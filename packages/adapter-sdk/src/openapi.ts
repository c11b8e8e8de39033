/** What an adapter answers over HTTP, as an OpenAPI 3.1 document: for gateways, for reviewers, for other languages. */
import type { Adapter } from './adapter.ts'
import { ERRORS, type ErrorCode } from './errors.ts'
import { submissionJsonSchema } from './protocol/submission.ts'

/** An OpenAPI 3.1 document, as JSON. */
export interface OpenApiDocument {
  readonly openapi: '3.1.1'
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly paths: Readonly<Record<string, object>>
  readonly components: { readonly schemas: Readonly<Record<string, object>>; readonly [part: string]: object }
}

/** Describes every route of an adapter: its forms, its files, its probes. Routes of your own are not in it. */
export function openapi(adapter: Pick<Adapter, 'paths' | 'version'>): OpenApiDocument {
  const forms = [...adapter.paths].flatMap(([form, paths]) =>
    paths.map((path, i) => [path, { post: receiving(form, i) }] as const),
  )
  return {
    openapi: '3.1.1',
    info: { title: 'Form Builder adapter', version: adapter.version, description: DESCRIPTION },
    paths: { ...Object.fromEntries(forms), ...OWN_PATHS },
    components: {
      schemas: { Submission: submissionSchema(), Problem: problemSchema() },
      securitySchemes: { metrics: { type: 'http', scheme: 'basic' } },
    },
  }
}

const DESCRIPTION =
  'Receives submissions from MoJ Form Builder, each as a compact JWE (RFC 7516) under a shared key, which is also what ' +
  'authenticates the sender. Every answer in 2xx means that the submission and its files are durably held.'

/** `i`: 0 for the path of the form, more for its aliases. */
function receiving(form: string, i: number): object {
  return {
    operationId: `receive-${form}${i === 0 ? '' : `-${i + 1}`}`,
    summary: `Takes in a submission of the form "${form}"`,
    requestBody: {
      required: true,
      description:
        'A compact JWE, `alg` `dir`, `enc` A128GCM (as Form Builder sends), A256GCM or A128CBC-HS256, and nothing else. Its ' +
        'plaintext is a Submission in JSON; or a challenge, which is answered under the same key and stored nowhere.',
      content: Object.fromEntries(
        ['application/jose', 'text/plain', 'application/x-www-form-urlencoded'].map((type) => [type, { schema: JWE }]),
      ),
    },
    responses: {
      200: {
        description: 'Already held: nothing was done. Or the answer to a challenge.',
        content: {
          'application/json': { schema: held('duplicate') },
          'application/jose': { schema: JWE },
        },
      },
      201: {
        description: 'Held, with all its files.',
        content: { 'application/json': { schema: held('accepted') } },
      },
      400: problem('The request could not be read.'),
      401: problem('No key fits, or it is no JWE that is accepted: one answer for every reason.'),
      413: problem(meanings(413)),
      415: problem(meanings(415)),
      422: problem(meanings(422)),
      429: problem('Too many requests from one address.', RETRY_AFTER),
      500: problem(meanings(500)),
      503: problem(`Not held; the sender keeps it. ${meanings(503)}`, RETRY_AFTER),
    },
  }
}

const RETRY_AFTER = { 'Retry-After': { description: 'Seconds.', schema: { type: 'string', pattern: '^\\d+$' } } }

const JWE = {
  type: 'string',
  description: 'Five segments of base64url; the second is empty, because the key is shared directly.',
  pattern: '^[\\w-]+\\.\\.[\\w-]{16,22}\\.[\\w-]*\\.[\\w-]{22}$',
}

const OWN_PATHS = {
  '/v1/attachments/{id}': {
    get: {
      operationId: 'read-attachment',
      summary: 'A captured file in clear, to whoever has its link',
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } }],
      responses: {
        200: {
          description: 'The file, with the type and the name that it was uploaded with.',
          headers: {
            'Content-Disposition': { description: 'RFC 6266, always an attachment.', schema: { type: 'string' } },
          },
          content: { '*/*': {} },
        },
        404: problem('No such file, or it was swept.'),
      },
    },
  },
  '/health': {
    get: {
      operationId: 'health',
      summary: 'Whether the process lives',
      responses: { 200: text('It does.', ['healthy']) },
    },
  },
  '/readiness': {
    get: {
      operationId: 'readiness',
      summary: 'Whether it can take a submission now',
      responses: {
        200: text('It can.', ['ready']),
        503: {
          ...text('It cannot: the store is away, too many wait, or it stops.', ['not ready']),
          headers: RETRY_AFTER,
        },
      },
    },
  },
  '/metrics': {
    get: {
      operationId: 'metrics',
      summary: 'Prometheus metrics; not there without credentials in the settings',
      security: [{ metrics: [] }],
      responses: {
        200: text('Prometheus text format, version 0.0.4.'),
        401: { description: 'Wrong credentials.' },
        404: problem('The settings name no credentials.'),
      },
    },
  },
}

function held(status: string): object {
  return {
    type: 'object',
    required: ['submissionId', 'status'],
    properties: { submissionId: { type: 'string' }, status: { const: status } },
  }
}

function text(description: string, words?: readonly string[]): object {
  return {
    description,
    content: { 'text/plain': { schema: { type: 'string', ...(words === undefined ? {} : { enum: words }) } } },
  }
}

function problem(description: string, headers?: object): object {
  const schema = { $ref: '#/components/schemas/Problem' }
  return { description, ...(headers && { headers }), content: { 'application/problem+json': { schema } } }
}

/** What the table of errors says about a status. */
function meanings(status: number): string {
  return codes(status)
    .map((code) => `${code}: ${ERRORS[code].meaning.replaceAll('`', '')}.`)
    .join(' ')
}

function codes(status?: number): ErrorCode[] {
  const all = Object.entries(ERRORS) as [ErrorCode, { status?: number }][] // the keys of ERRORS are the codes
  return all
    .filter(([, error]) => (status === undefined ? error.status !== undefined : error.status === status))
    .map(([code]) => code)
}

function submissionSchema(): object {
  // OpenAPI 3.1 has this dialect already; `$schema` stands at the root of a document only.
  const { $schema: _, ...schema } = submissionJsonSchema
  return schema
}

function problemSchema(): object {
  return {
    description: 'RFC 9457. Names fields, counts and positions, never a value.',
    type: 'object',
    required: ['type', 'title', 'status'],
    properties: {
      type: { const: 'about:blank' },
      title: { type: 'string' },
      status: { type: 'integer' },
      code: { description: 'Absent where the reason is told to the operator only.', enum: codes() },
      detail: { type: 'string' },
    },
  }
}
