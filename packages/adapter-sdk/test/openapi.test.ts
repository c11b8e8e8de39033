import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import { expect } from 'chai'
import { createAdapter } from '../src/adapter.ts'
import { runCommand } from '../src/cli.ts'
import { ERRORS } from '../src/errors.ts'
import { type OpenApiDocument, openapi } from '../src/openapi.ts'
import { startTestAdapter, type TestAdapter, type TestAnswer } from '../src/testing/index.ts'

describe('the OpenAPI document of an adapter', () => {
  const adapter = createAdapter({
    version: '1.4.2',
    forms: {
      complaint: { path: '/v2/complaint', aliases: ['/v1/complaint'], handle: async () => undefined },
      comment: { path: '/v2/comment', handle: async () => undefined },
    },
  })
  const document = openapi(adapter)

  it('is valid', async () => {
    expect(await new Validator().validate(JSON.parse(JSON.stringify(document)))).to.deep.equal({ valid: true })
  })

  it("describes every path of every form, and the adapter's own routes", () => {
    expect(Object.keys(document.paths)).to.deep.equal([
      '/v2/complaint',
      '/v1/complaint',
      '/v2/comment',
      '/v1/attachments/{id}',
      '/health',
      '/readiness',
      '/metrics',
    ])
    expect(document.info).to.include({ version: '1.4.2' })
  })

  it('lists the code of every error that HTTP can answer', () => {
    const problem = document.components.schemas['Problem'] as { properties: { code: { enum: string[] } } }
    const reaching = Object.entries(ERRORS).filter(([, error]) => 'status' in error)

    expect(problem.properties.code.enum).to.deep.equal(reaching.map(([code]) => code))
  })

  describe('describes the answers of the adapter', () => {
    let test: TestAdapter
    before(async () => {
      test = await startTestAdapter(adapter, {
        environment: { METRICS_AUTH_USERNAME: 'prometheus', METRICS_AUTH_PASSWORD: 'a password' },
      })
    })
    after(() => test.stop())

    const plain = { 'Content-Type': 'text/plain' }
    const exchanges: readonly [string, string, string, () => Promise<TestAnswer>][] = [
      ['201', 'post', '/v2/complaint', () => test.send('/v2/complaint')],
      ['200', 'post', '/v1/complaint', () => twice()],
      ['401', 'post', '/v2/comment', () => test.request('POST', '/v2/comment', { headers: plain, body: 'x' })],
      ['413', 'post', '/v2/comment', () => test.request('POST', '/v2/comment', { headers: plain, body: LARGE })],
      ['415', 'post', '/v2/comment', () => test.request('POST', '/v2/comment', { headers: JSON_TYPE, body: '{}' })],
      ['422', 'post', '/v2/comment', () => test.send('/v2/comment', { serviceSlug: '' })],
      ['503', 'post', '/v2/comment', () => test.send('/v2/comment', { attachments: [NO_LINK] })],
      ['404', 'get', '/v1/attachments/{id}', () => test.request('GET', `/v1/attachments/${NOBODY}`)],
      ['200', 'get', '/health', () => test.request('GET', '/health')],
      ['200', 'get', '/readiness', () => test.request('GET', '/readiness')],
      ['401', 'get', '/metrics', () => test.request('GET', '/metrics')],
    ]
    for (const [status, method, path, exchange] of exchanges) {
      it(`${method} ${path}: ${status}`, async () => {
        const answer = await exchange()

        expect(String(answer.status)).to.equal(status)
        const described = responses(document, path, method)[status]
        expect(described, `${status} is described`).not.to.equal(undefined)
        const types = Object.keys(described?.content ?? {})
        const type = String(answer.headers['content-type']).split(';')[0] ?? ''
        if (types.length > 0) expect(types).to.include(type)
        for (const header of Object.keys(described?.headers ?? {}))
          expect(answer.headers).to.have.property(header.toLowerCase())
      })
    }

    async function twice(): Promise<TestAnswer> {
      const { submissionId } = await test.send('/v1/complaint')
      return await test.send('/v1/complaint', { submissionId })
    }
  })
})

const LARGE = 'x'.repeat(3_000_000)
const NOBODY = '3f2504e0-4f89-41d3-9a0c-0305e82c3301'
const JSON_TYPE = { 'Content-Type': 'application/json' }
const NO_LINK = { url: 'https://example.com/x', encryption_key: '', encryption_iv: '', mimetype: null, filename: null }

interface Described {
  readonly content?: object
  readonly headers?: object
}

function responses(document: OpenApiDocument, path: string, method: string): Readonly<Record<string, Described>> {
  const operations = document.paths[path] as Readonly<
    Record<string, { responses: Readonly<Record<string, Described>> }>
  >
  return operations[method]?.responses ?? {}
}

describe('adapter openapi', () => {
  const folder = mkdtempSync(join(tmpdir(), 'openapi-'))
  const sdk = new URL('../src/index.ts', import.meta.url).href
  after(() => rmSync(folder, { recursive: true, force: true }))

  async function run(file: string) {
    const printed = { out: '', error: '' }
    const output = {
      out(line: string) {
        printed.out += line
      },
      error(line: string) {
        printed.error += line
      },
    }
    const code = await runCommand(['openapi', file], { output })
    return { code, ...printed }
  }

  it('prints the document of the adapter that a module exports', async () => {
    const file = join(folder, 'adapter.ts')
    writeFileSync(
      file,
      `import { createAdapter } from '${sdk}'
       export const other = 1
       export const mine = createAdapter({ forms: { complaint: { path: '/v2/complaint', async handle() {} } } })`,
    )

    const { code, out } = await run(file)

    expect([code, Object.keys(JSON.parse(out).paths)[0]]).to.deep.equal([0, '/v2/complaint'])
  })

  it('reports that the file does not exist', async () => {
    const file = join(folder, 'nowhere.ts')

    expect(await run(file)).to.deep.equal({ code: 2, out: '', error: `ERR_CONFIG_INVALID: there is no file ${file}` })
  })

  it('reports that the file exports no adapter', async () => {
    const file = join(folder, 'empty.ts')
    writeFileSync(file, 'export const other = new Map()')

    const { code, error } = await run(file)

    expect([code, error]).to.deep.equal([
      2,
      `ERR_CONFIG_INVALID: ${file} exports no adapter: export what createAdapter returns`,
    ])
  })
})
