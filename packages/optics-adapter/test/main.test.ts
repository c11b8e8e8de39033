import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { spawnAdapter } from './adapter-process.ts'
import { type Deployment, deploy, SHARED_KEY } from './deployment.ts'
import { type Recorded, recorded, recordedAs } from './mapping.ts'
import { KEYS, until } from './optics-client.ts'

interface RecordedRequest {
  readonly name: string
  readonly request: { method: string; path: string; headers?: Record<string, string>; body?: string }
  readonly expect: { readonly status: number }
}

interface RecordedFile {
  readonly name: string
  readonly attachment: { encryption_key: string; encryption_iv: string; filename: string; mimetype: string }
  readonly storage: { readonly status: number; readonly bodyBase64: string }
  readonly expect: { readonly status: number; readonly contentType: string; readonly bodyBase64: string }
}

const read = (file: string) => JSON.parse(readFileSync(new URL(`fixtures/${file}.json`, import.meta.url), 'utf8'))

/** Statuses that differ from those of the Ruby adapter. The table in README.md gives the reasons. */
const DIFFERENT_STATUS: Readonly<Record<string, number>> = {
  // The same submission as the first.
  'post-ok-application-jose': 200,
  'post-trailing-slash': 200,
  'post-nonempty-encrypted-key': 401,
  'post-trailing-newline': 401,
  'post-alg-a128kw': 401,
  'post-json-array': 422,
  'post-empty-object': 422,
  'get-v2-complaint': 405,
  'get-attachment-not-uuid': 404,
  'fail-comment-no-answers': 422,
  'fail-comment-null-payload': 422,
  // The file is on a host that is not allowed, so it cannot be captured.
  'fail-complaint-attachment-unknown-key': 503,
}

describe('the command optics-adapter', () => {
  let deployment: Deployment
  before(async () => {
    deployment = await deploy()
  })
  after(() => deployment?.[Symbol.asyncDispose]())
  beforeEach(() => deployment.standIn.clear())

  const withNewId = ({ submission }: Recorded, changes: object = {}) => ({
    ...submission,
    submissionId: randomUUID(),
    ...changes,
  })

  it('creates a complaint for a submission, and Optics fetches its files unchanged', async () => {
    const { send, put, standIn, http } = deployment
    const example = recordedAs('complaint-v2', 'complaint-v2-full-two-attachments')
    const files = [Buffer.from('hello world\n'), randomBytes(100_000)] as const
    const attachments = [put(files[0], 'image/png', 'image.png'), put(files[1], 'application/pdf', 'document.pdf')]

    const answer = await send(example.route.path, withNewId(example, { attachments }))

    expect(answer.status).to.equal(201)
    await until(() => standIn.cases()[0]?.documents.length === 2)
    const documents = standIn.cases()[0]?.documents ?? []
    const createcase = standIn.requests.find(({ route }) => route === 'createcase')
    expect(createcase?.body).to.equal(
      example.expect.opticsRequestBodyRaw
        .replaceAll(`${example.env['HOST']}`, new URL(http.defaults.baseURL ?? '').host)
        .replace(/\{attachment-id-(\d)\}/g, (_, n) => documents[n - 1]?.url.replace(/.*\//, '') ?? ''),
    )
    expect(documents.map(({ fetched }) => fetched?.sha256)).to.deep.equal(
      files.map((file) => createHash('sha256').update(file).digest('hex')),
    )
  })

  for (const [file, name] of [
    ['comment-v2', 'comment-v2-full'],
    ['feedback-v2', 'feedback-v2-submission-date'],
    ['enquiry-v2', 'enquiry-v2-submission-date'],
  ] as const)
    it(`sends Optics the recorded bytes: ${name}`, async () => {
      const { send, standIn } = deployment
      const example = recordedAs(file, name)

      const answer = await send(example.route.path, withNewId(example))

      expect(answer.status).to.equal(201)
      await until(() => standIn.cases().length === 1)
      const today = new Date().toISOString().slice(0, 10)
      expect(standIn.requests.at(-1)?.body).to.equal(example.expect.opticsRequestBodyRaw.replace('2026-01-15', today))
    })

  it('creates one case for a submission that is sent several times', async () => {
    const { send, standIn } = deployment
    const example = recordedAs('feedback-v2', 'feedback-v2-full')
    const submission = withNewId(example)
    const statuses = []

    for (let n = 0; n < 3; n++) statuses.push((await send('/v2/feedback.json', submission)).status)
    await until(() => standIn.cases().length === 1)
    await send('/v2/feedback', withNewId(example))
    await until(() => standIn.cases().length > 1)

    expect(statuses).to.deep.equal([201, 200, 200])
    expect(standIn.cases()).to.have.length(2)
  })

  it('does not repeat a createcase that Optics may have received', async () => {
    const { send, standIn } = deployment
    await standIn.fail('case-then-status', { status: 502 })
    await send('/v2/feedback', withNewId(recordedAs('feedback-v2', 'feedback-v2-full')))
    await until(() => standIn.cases().length === 1)

    await send('/v2/feedback', withNewId(recordedAs('feedback-v2', 'feedback-v2-submission-date')))
    await until(() => standIn.cases().length > 1)

    expect(standIn.requests.filter(({ route }) => route === 'createcase')).to.have.length(2)
  })

  describe('compared with the Ruby adapter', () => {
    for (const { name, request, expect: recordedAnswer } of read('http') as RecordedRequest[])
      it(`answers the same request with the expected status: ${name}`, async () => {
        const { method, path: url, headers, body } = request

        const { status } = await deployment.http.request({ method, url, headers: headers ?? {}, data: body ?? '' })

        expect(status).to.equal(DIFFERENT_STATUS[name] ?? recordedAnswer.status)
      })

    for (const { name, submission, route } of recorded('job-failures'))
      it(`answers a submission that the Ruby adapter fails to deliver with the expected status: ${name}`, async () => {
        const sent = submission === null ? null : { ...submission, submissionId: randomUUID() }

        const { status } = await deployment.send(route.path, sent)

        expect(status).to.equal(DIFFERENT_STATUS[name] ?? 201)
      })

    for (const file of read('attachments') as RecordedFile[]) {
      const { name, attachment, storage } = file
      const send = () => {
        const url = deployment.putStored(Buffer.from(storage.bodyBase64, 'base64'), storage.status)
        return deployment.send('/v2/complaint', {
          serviceSlug: 'hmcts-complaint-form-eng',
          submissionId: randomUUID(),
          submissionAnswers: { courtortribunalyourcomplaintisabout_autocomplete_1: '111' },
          attachments: [{ url, ...attachment }],
        })
      }

      if (file.expect.status === 200)
        it(`serves the same file: ${name}`, async () => {
          await deployment.standIn.clear()

          await send()

          await until(() => deployment.standIn.cases().some(({ documents }) => documents.length > 0))
          const [document] = deployment.standIn.cases().flatMap(({ documents }) => documents)
          const served = await deployment.http.get<Buffer>(document?.url ?? '', { responseType: 'arraybuffer' })
          expect(served.data.toString('base64')).to.equal(file.expect.bodyBase64)
          expect(served.headers['content-type']).to.equal(file.expect.contentType)
          expect(served.headers['content-disposition']).to.match(/^attachment; filename="?[\w.]+"?$/)
          expect(served.headers['cache-control']).to.equal('no-store')
        })
      else
        it(`answers 503 to a submission with an unreadable file: ${name}`, async () => {
          const { status, headers } = await send()

          expect(status).to.equal(503)
          expect(headers).to.have.property('retry-after')
        })
    }
  })

  it('lists every missing or wrong setting in one message, and does not start', async () => {
    await using wrong = spawnAdapter({ OPTICS_TIME_ZONE: 'Mars/Olympus', RETRY_LIMIT: 'many' })

    const { output, exitCode } = await wrong.exited

    expect(exitCode).to.equal(1)
    for (const name of [
      'OPTICS_API_KEY',
      'OPTICS_SECRET_KEY',
      'OPTICS_TIME_ZONE',
      'HOST',
      'JWE_SHARED_KEY',
      'RETRY_LIMIT',
    ])
      expect(output).to.match(new RegExp(`^- .*\\b${name}\\b`, 'm'))
    expect(output).not.to.include('Mars')
  })

  // This suite stops the adapter. It runs last, because mocha runs nested suites after the tests of the outer one.
  describe('on SIGTERM', () => {
    it('exits with 0, and has logged nothing that a citizen wrote', async () => {
      deployment.adapter.child.kill('SIGTERM')

      const { output, exitCode } = await deployment.adapter.exited

      expect(exitCode).to.equal(0)
      expect(output).to.include('ERR_OPTICS_FAILED')
      for (const written of ['Life is unfair', 'first.last@test.com', 'image.png', SHARED_KEY, KEYS.secretKey])
        expect(output).not.to.include(written)
    })
  })
})
