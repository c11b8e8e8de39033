import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { createServer } from 'node:tls'
import { expect } from 'chai'
import { createAdapter } from '../../src/adapter.ts'
import { decryptCompact } from '../../src/protocol/jwe.ts'
import { generateKey, parseKeyring } from '../../src/protocol/keyring.ts'
import { makeDevelopmentCertificate } from '../../src/testing/certificate.ts'
import { startTestAdapter, type TestAdapter } from '../../src/testing/index.ts'
import { postAsSender, senderRetrySeconds } from '../../src/testing/sender.ts'

const letter = { filename: 'letter.pdf', mimetype: 'application/pdf', content: Buffer.from('%PDF-1.7 a letter') }

describe('the test kit', () => {
  let failures = 0
  let adapter: TestAdapter

  const complaints = () =>
    createAdapter({
      forms: {
        complaint: {
          path: '/v2/complaint',
          async handle({ submissionAnswers }) {
            if (failures-- > 0) throw new TypeError('the case system is unavailable')
            return { reference: String(submissionAnswers['case_text_1'] ?? '492233') }
          },
        },
      },
    })

  before(async () => {
    adapter = await startTestAdapter(complaints(), {
      environment: { RETRY_DELAY_SECONDS: '21600', RETRY_DELAY_MAX_SECONDS: '21600' },
    })
  })
  beforeEach(() => {
    failures = 0
    adapter.fileStore.isDown = false
  })
  after(() => adapter.stop())

  it('writes the JSON of a submission as Rails does', async () => {
    const submission = {
      submissionId: '1b4f0e98-51ab-4a2e-8e5d-000000000001',
      submissionAnswers: { a_text_1: 'R&D <b>\u2028' },
    }

    const { jwe } = await adapter.compose(submission)

    const { plaintext } = await decryptCompact(jwe, { keys: [adapter.key] })
    expect(Buffer.from(plaintext).toString()).to.equal(
      '{"serviceSlug":"test-form","submissionId":"1b4f0e98-51ab-4a2e-8e5d-000000000001",' +
        '"submissionAnswers":{"a_text_1":"R\\u0026D \\u003cb\\u003e\\u2028"},"attachments":[]}',
    )
    expect(jwe).to.match(/^eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0\.\.[\w-]{16}\.[\w-]+\.[\w-]{22}$/)
  })

  it("sends exactly the headers of the sender's HTTP client, in its order", async () => {
    const certificate = await makeDevelopmentCertificate()
    await using server = createServer(certificate).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const received = new Promise<string>((resolve) => {
      server.once('secureConnection', (socket) => {
        socket.once('data', (bytes: Buffer) => {
          resolve(bytes.toString())
          socket.end('HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n')
        })
      })
    })

    const answer = await postAsSender({ port, ca: certificate.cert }, '/v2/complaint', 'a.b.c.d.e')

    expect(answer.status).to.equal(201)
    expect((await received).split('\r\n')).to.deep.equal([
      'POST /v2/complaint HTTP/1.1',
      `Host: localhost:${port}`,
      'Accept: */*',
      'User-Agent: Typhoeus - https://github.com/typhoeus/typhoeus',
      'Content-Length: 9',
      'Content-Type: application/x-www-form-urlencoded',
      '',
      'a.b.c.d.e',
    ])
  })

  it('records what the handler received, with files, and its result', async () => {
    const { status, submissionId } = await adapter.send('/v2/complaint', {
      submissionAnswers: { case_text_1: 'C-1' },
      uploads: [letter],
    })
    await adapter.ended(submissionId)

    const handled = adapter.handled.find(({ submission }) => submission.submissionId === submissionId)
    const [file] = handled?.attachments ?? []
    expect([status, handled?.outcome, handled?.attempt]).to.deep.equal([201, { reference: 'C-1' }, 1])
    expect([file?.filename, file && (await buffer(file.stream())).toString()]).to.deep.equal([
      'letter.pdf',
      '%PDF-1.7 a letter',
    ])
  })

  it('hands over files whole, with their size, until the sweep has removed them', async () => {
    const { submissionId } = await adapter.send('/v2/complaint', { uploads: [letter] })
    await adapter.delivered(submissionId)
    const file = adapter.handled.find(({ submission }) => submission.submissionId === submissionId)?.attachments[0]

    const contents = [await file?.bytes(), await file?.bytes()].map((bytes) => bytes && Buffer.from(bytes).toString())
    await adapter.advance({ days: 8 })
    const gone = await file?.bytes().catch((error: unknown) => error)

    expect([file?.sizeBytes, contents]).to.deep.equal([17, ['%PDF-1.7 a letter', '%PDF-1.7 a letter']])
    expect(gone).to.include({ code: 'ERR_ATTACHMENT_NOT_FOUND' })
  })

  it('throws what the handler threw, whole, where a delivery was expected', async () => {
    await using own = await startTestAdapter(complaints(), { environment: { RETRY_LIMIT: '0' } })
    failures = 1
    const { submissionId } = await own.send('/v2/complaint')

    const error: unknown = await own.delivered(submissionId).catch((thrown: unknown) => thrown)

    expect(error)
      .to.be.an('error')
      .with.property('message')
      .that.matches(/^the submission is dead, 1 attempt, last ERR_/)
    expect(error).to.have.property('cause').that.is.instanceOf(TypeError)
    expect(error).to.have.nested.property('cause.message', 'the case system is unavailable')
    expect(error).to.have.nested.property('cause.stack').that.contains('index.test.ts')
  })

  it('returns the entry of what was delivered', async () => {
    const { submissionId } = await adapter.send('/v2/complaint')

    expect(await adapter.delivered(submissionId)).to.include({ submissionId, state: 'delivered', reference: '492233' })
  })

  for (const [shown, setting, environment] of [
    ['nothing', undefined, {}],
    ['whole errors', undefined, { SHOW_ERRORS: 'true' }],
    ['whole errors', 'true', {}],
    ['nothing', 'true', { SHOW_ERRORS: 'false' }],
  ] as const) {
    it(`prints ${shown} with SHOW_ERRORS=${setting} and the option ${JSON.stringify(environment)}`, async () => {
      const { SHOW_ERRORS } = process.env
      if (setting === undefined) delete process.env['SHOW_ERRORS']
      else process.env['SHOW_ERRORS'] = setting
      const written: string[] = []
      const { write } = process.stderr
      process.stderr.write = (chunk) => written.push(String(chunk)) > 0
      try {
        await using own = await startTestAdapter(complaints(), { environment: { RETRY_LIMIT: '0', ...environment } })
        failures = 1
        await own.ended((await own.send('/v2/complaint')).submissionId)
      } finally {
        process.stderr.write = write
        if (SHOW_ERRORS === undefined) delete process.env['SHOW_ERRORS']
        else process.env['SHOW_ERRORS'] = SHOW_ERRORS
      }

      expect(written.join('').includes('TypeError: the case system is unavailable')).to.equal(shown !== 'nothing')
    })
  }

  it('serves files as the real store does: hexadecimal text, GET only, for 15 minutes', async () => {
    const link = adapter.fileStore.link(letter)
    const { port, pathname, search } = new URL(link.url)
    const read = async (method: string) => {
      const { ask } = await import('../../src/testing/sender.ts')
      return await ask({ port: Number(port), ca: adapter.certificate.cert }, method, `${pathname}${search}`)
    }

    const fresh = await read('GET')
    const head = await read('HEAD')
    await adapter.advance({ minutes: 14, seconds: 59 })
    const late = await read('GET')
    await adapter.advance({ seconds: 1 })
    const expired = await read('GET')

    expect([fresh.status, head.status, late.status, expired.status]).to.deep.equal([200, 403, 200, 403])
    expect(fresh.text).to.match(/^([0-9a-f]{32})+$/)
    expect(expired.text).to.include('AccessDenied')
  })

  it('repeats a delivery as the sender does, with fresh links, until it is accepted', async () => {
    adapter.fileStore.isDown = true

    const answers = await adapter.sendUntilAccepted('/v2/complaint', { uploads: [letter] })

    const submissionId = answers[0]?.submissionId ?? ''
    // 13 deliveries in 17 hours, and the first one after a day.
    expect(answers.map((answer) => [answer.status, answer.submissionId])).to.deep.equal([
      ...Array(13).fill([503, submissionId]),
      [201, submissionId],
    ])
    expect(await adapter.ended(submissionId)).to.include({ state: 'dead', code: 'ERR_ATTACHMENT_MISSING' })
  })

  it('gives up after the given number of deliveries', async () => {
    const wrongPath = await adapter.sendUntilAccepted('/v2/nowhere', {}, 2)

    expect(wrongPath.map(({ status }) => status)).to.deep.equal([404, 404])
  })

  it('waits between deliveries as long as the sender does', () => {
    const waits = Array.from({ length: 24 }, (_, index) => senderRetrySeconds(index + 1))

    expect(waits.slice(0, 5)).to.deep.equal([6, 21, 86, 261, 630])
    expect(Math.round(waits.reduce((sum, wait) => sum + wait, 0) / 86_400)).to.equal(20)
  })

  it('makes a retry due at its time, and not before', async () => {
    failures = 1
    const { submissionId } = await adapter.send('/v2/complaint')
    const failed = await adapter.attempted(submissionId)

    await adapter.advance({ hours: 1 })
    const before = await adapter.attempted(submissionId)
    await adapter.advance({ hours: 7 })
    const after = await adapter.ended(submissionId)

    expect([failed.state, failed.code, failed.attempts]).to.deep.equal(['waiting', 'ERR_HANDLER_FAILED', 1])
    expect([before.state, before.attempts]).to.deep.equal(['waiting', 1])
    expect([after.state, after.attempts]).to.deep.equal(['delivered', 2])
    const errors = adapter.handled
      .filter(({ submission }) => submission.submissionId === submissionId)
      .map(({ error }) => error instanceof TypeError)
    expect(errors).to.deep.equal([true, false])
  })

  it('sweeps old files, and later forgets their submissions', async () => {
    const { submissionId } = await adapter.send('/v2/complaint', { uploads: [letter] })
    await adapter.ended(submissionId)
    const file = adapter.handled.at(-1)?.attachments[0]
    const path = new URL(file?.url ?? '').pathname
    const read = async () => (await adapter.request('GET', path)).status

    await adapter.advance({ days: 6 })
    const kept = await read()
    await adapter.advance({ days: 2 })
    const swept = await read()
    await adapter.advance({ days: 28 })

    expect([kept, swept]).to.deep.equal([200, 404])
    const forgotten = await adapter.running.ledger.show(submissionId).catch((error: unknown) => error)
    expect(forgotten).to.include({ code: 'ERR_SUBMISSION_NOT_FOUND' })
  })

  it('gives every adapter its own empty store, even at the same time', async () => {
    await using first = await startTestAdapter(complaints())
    await using second = await startTestAdapter(complaints())

    const { submissionId } = await first.send('/v2/complaint')
    await first.ended(submissionId)
    await first.stop()
    await using third = await startTestAdapter(complaints())

    expect(await second.running.ledger.list()).to.have.length(0)
    expect(await third.running.ledger.list()).to.have.length(0)
    const again = await third.send('/v2/complaint', { submissionId })
    expect([again.status, (await third.ended(submissionId)).state]).to.deep.equal([201, 'delivered'])
  })

  it('accepts keys of either length', async () => {
    const key = generateKey(32)
    await using test = await startTestAdapter(complaints(), { environment: { JWE_SHARED_KEY: key } })

    expect((await test.send('/v2/complaint')).status).to.equal(201)
    expect(test.key.bytes).to.deep.equal(parseKeyring(key).keys[0]?.bytes)
  })

  it('leaves nothing behind when the adapter cannot start', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kit-'))
    const { TMPDIR } = process.env
    process.env['TMPDIR'] = folder
    try {
      const failed = await startTestAdapter(complaints(), { environment: { CONCURRENCY: 'many' } }).catch(
        (error: unknown) => error,
      )

      expect(failed).to.include({ code: 'ERR_CONFIG_INVALID' })
      expect(readdirSync(folder)).to.deep.equal([])
    } finally {
      if (TMPDIR === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = TMPDIR
      rmSync(folder, { recursive: true })
    }
  })
})
