/** Describes what an adapter answers over HTTP, as an OpenAPI 3.1 document for gateways, reviewers and other languages. */
import type { Adapter } from './adapter.ts'
import { ERRORS, type ErrorCode } from './errors.ts'
import { submissionJsonSchema } from './protocol/submission.ts'

/** An OpenAPI 3.1 document. */
export interface OpenApiDocument {
  readonly openapi: '3.1.1'
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly paths: Readonly<Record<string, object>>
  readonly components: { readonly schemas: Readonly<Record<string, object>>; readonly [part: string]: object }
}

/** Describes every route that the adapter adds: forms, files, health and metrics. Your own routes are not included. */
export function openapi(adapter: Pick<Adapter, 'paths' | 'version'>): OpenApiDocument {
  const forms = [...adapter.paths].flatMap(([form, paths]) =>
    paths.map((path, i) => [path, { post: receiveOperation(form, i) }] as const),
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
  'authenticates the sender. Every 2xx answer means that the submission and its files are stored durably.'

/** `i`: 0 for the form's path, higher for its aliases. */
function receiveOperation(form: string, i: number): object {
  return {
    operationId: `receive-${form}${i === 0 ? '' : `-${i + 1}`}`,
    summary: `Accepts a submission of the form "${form}"`,
    requestBody: {
      required: true,
      description:
        'A compact JWE, `alg` `dir`, `enc` A128GCM (as Form Builder sends), A256GCM or A128CBC-HS256. Its ' +
        'plaintext is a Submission in JSON, or a challenge, which is answered with the same key and never stored.',
      content: Object.fromEntries(
        ['application/jose', 'text/plain', 'application/x-www-form-urlencoded'].map((type) => [type, { schema: JWE }]),
      ),
    },
    responses: {
      200: {
        description: 'The submission was already stored, and nothing has changed; or the answer to a challenge.',
        content: {
          'application/json': { schema: held('duplicate') },
          'application/jose': { schema: JWE },
        },
      },
      201: {
        description: 'The submission is stored, with all its files.',
        content: { 'application/json': { schema: held('accepted') } },
      },
      400: problem('The request could not be read.'),
      401: problem('No key fits, or the body is not an accepted JWE. The answer is the same for every reason.'),
      413: problem(meanings(413)),
      415: problem(meanings(415)),
      421: problem(meanings(421)),
      422: problem(meanings(422)),
      429: problem('Too many requests from one address.', RETRY_AFTER),
      500: problem(meanings(500)),
      503: problem(`The submission is not stored, and the sender keeps it. ${meanings(503)}`, RETRY_AFTER),
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
      summary: 'Returns a decrypted file to any caller that has its link',
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } }],
      responses: {
        200: {
          description: 'The file, with the type and the name it was uploaded with.',
          headers: {
            'Content-Disposition': { description: 'Always an attachment (RFC 6266).', schema: { type: 'string' } },
          },
          content: { '*/*': {} },
        },
        404: problem('There is no such file, or it has been deleted.'),
      },
    },
  },
  '/health': {
    get: {
      operationId: 'health',
      summary: 'Returns 200 while the process is running',
      responses: { 200: text('The process is running.', ['healthy']) },
    },
  },
  '/readiness': {
    get: {
      operationId: 'readiness',
      summary: 'Returns 200 while the adapter can accept submissions',
      responses: {
        200: text('It can accept submissions.', ['ready']),
        503: {
          ...text('The store is unavailable, too many requests are waiting, or the process is stopping.', [
            'not ready',
          ]),
          headers: RETRY_AFTER,
        },
      },
    },
  },
  '/metrics': {
    get: {
      operationId: 'metrics',
      summary: 'Returns the Prometheus metrics, if the settings name credentials',
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

/** The meanings of all error codes with this status. */
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
  // `$schema` is allowed only at the root of a document, and OpenAPI 3.1 uses this dialect anyway.
  const { $schema: _, ...schema } = submissionJsonSchema
  return schema
}

function problemSchema(): object {
  return {
    description: 'A problem (RFC 9457). It names fields, counts and positions, never a value.',
    type: 'object',
    required: ['type', 'title', 'status'],
    properties: {
      type: { const: 'about:blank' },
      title: { type: 'string' },
      status: { type: 'integer' },
      code: { description: 'Absent if only the operator may know the reason.', enum: codes() },
      detail: { type: 'string' },
    },
  }
}
