import { createAdapter } from '@formbuilder/adapter-sdk'
import { startTestAdapter, type TestAdapter } from '@formbuilder/adapter-sdk/testing'
import { expect } from 'chai'
import { SignJWT } from 'jose'
import { startPrintedExample } from '../../../test/printed-example.ts'
import { complaint } from '../src/complaint.ts'
import { createNotify } from '../src/notify.ts'
import { readNotifySettings } from '../src/settings.ts'
import { type Answer, ERRORS, type NotifyStandIn, startNotify } from '../stand-in.ts'

const ANSWERS = {
  yourname_text_1: 'Ada Lovelace',
  yourcomplaint_textarea_1: 'It was closed. See [here](https://evil.example).',
}
const MAILBOX = 'complaints@example.com'

describe('the example that sends e-mails', () => {
  let notify: NotifyStandIn
  let test: TestAdapter

  before(async () => {
    notify = await startNotify()
    test = await start(notify)
  })
  after(async () => {
    await test.stop()
    await notify[Symbol.asyncDispose]()
  })
  beforeEach(() => notify.clear())

  const send = async () => (await test.send('/v2/complaint', { submissionAnswers: ANSWERS })).submissionId
  /** Sends one, lets its first attempt end, and then as much time pass as Notify may take. */
  const sendAndSettle = async () => {
    const id = await send()
    const first = await test.attempted(id)
    await test.advance({ minutes: 6 })
    return { id, first, last: await test.delivered(id) }
  }
  const tries = () => notify.requests.map(({ method, status }) => `${method} ${status}`)

  it('sends what the template asks for, with the submissionId as reference, and keeps the id of the e-mail', async () => {
    const uploads = [{ filename: 'letter.txt', mimetype: 'text/plain', content: Buffer.from('Dear all') }]
    const { submissionId } = await test.send('/v2/complaint', { submissionAnswers: ANSWERS, uploads })

    const { reference } = await test.delivered(submissionId)

    const [email] = notify.emails
    expect(notify.emails).to.have.length(1)
    expect(email).to.include({ id: reference, reference: submissionId, template_id: notify.templateId })
    expect(email?.email_address).to.equal(MAILBOX)
    expect(email?.personalisation).to.deep.include({
      submission_id: submissionId,
      name: 'Ada Lovelace',
      complaint: 'It was closed. See [here] (https://evil.example).',
    })
    expect(email?.personalisation['files']).to.have.length(1)
    expect(String(email?.personalisation['files'])).to.match(/^https:\/\/localhost[^/]*\/v1\/attachments\//)
    expect(tries()).to.deep.equal(['POST 201'])
  })

  describe('asks Notify before it sends again', () => {
    const MADE: readonly (readonly [string, Answer | 'reset'])[] = [
      ['500', ERRORS.internal],
      ['a 201 without an id', { status: 201, body: { reference: 'x' } }],
      ['a 201 with an id that is none', { status: 201, body: { id: '' } }],
      ['200 with an id', { status: 200, body: { id: crypto.randomUUID() } }],
      ['202', { status: 202, body: {} }],
      ['a redirect', { status: 302, body: '', headers: { Location: 'https://example.com/' } }],
      ['a page of a proxy', { status: 502, body: '<html>', headers: { 'Content-Type': 'text/html' } }],
      ['a connection that breaks', 'reset'],
    ]
    for (const [what, answer] of MADE) {
      it(`after ${what}, and finds the e-mail`, async () => {
        notify.failNext('POST', { made: true, answer })

        const { first, last } = await sendAndSettle()

        expect(first).to.include({ code: 'ERR_NOTIFY_UNCERTAIN', uncertain: true })
        expect(last.reference).to.equal(notify.emails[0]?.id)
        expect(notify.emails).to.have.length(1)
        expect(tries().slice(1)).to.deep.equal(['GET 200'])
      })

      it(`after ${what}, and sends it if Notify has none`, async () => {
        notify.failNext('POST', { answer })

        const { last } = await sendAndSettle()

        expect(last.reference).to.equal(notify.emails[0]?.id)
        expect(notify.emails).to.have.length(1)
        expect(tries().slice(1)).to.deep.equal(['GET 200', 'POST 201'])
      })
    }

    it('after silence', async () => {
      notify.failNext('POST', { made: true, answer: 'hang' })

      const { first } = await sendAndSettle()

      expect(first).to.include({ code: 'ERR_NOTIFY_UNCERTAIN', uncertain: true })
      expect(notify.emails).to.have.length(1)
    })

    const UNSAID: readonly (readonly [string, Answer | 'reset'])[] = [
      ['500', ERRORS.internal],
      ['429', ERRORS.rateLimit],
      ['an empty list with 503', { status: 503, body: { notifications: [] } }],
      ['a list that is none', { status: 200, body: { notifications: null } }],
      ['a page', { status: 200, body: '<html>', headers: { 'Content-Type': 'text/html' } }],
      ['nothing', 'reset'],
    ]
    for (const [what, answer] of UNSAID) {
      it(`and asks again when it answers ${what}`, async () => {
        notify.failNext('POST', { made: true, answer: ERRORS.internal })
        notify.failNext('GET', { answer })
        const id = await send()
        await test.attempted(id)
        await test.advance({ minutes: 6 })
        await test.attempted(id, 2)
        await test.advance({ minutes: 6 })

        await test.delivered(id)

        expect(notify.emails).to.have.length(1)
        expect(tries().filter((each) => each.startsWith('POST'))).to.have.length(1)
      })
    }

    it('and does not take the e-mail of another submission for its own', async () => {
      notify.failNext('POST', { answer: ERRORS.internal })
      const other = { id: crypto.randomUUID(), reference: crypto.randomUUID() }
      notify.failNext('GET', { answer: { status: 200, body: { notifications: [other], links: {} } } })

      const { last } = await sendAndSettle()

      expect(last.reference).to.equal(notify.emails[0]?.id)
    })

    it('and leaves it to a person when Notify may have forgotten it', async () => {
      await using forgetful = await start(notify, 0)
      notify.failNext('POST', { answer: ERRORS.internal })
      const { submissionId: id } = await forgetful.send('/v2/complaint', { submissionAnswers: ANSWERS })
      await forgetful.attempted(id)
      await forgetful.advance({ minutes: 6 })

      expect(await forgetful.ended(id)).to.include({ state: 'dead', code: 'ERR_NOTIFY_FORGOTTEN', uncertain: true })
      expect(notify.emails).to.have.length(0)
    })
  })

  for (const [what, answer, error] of [
    ['in trial mode', ERRORS.trialMode, 'BadRequestError'],
    ['too large', { status: 413, body: '' }, 'no error named'],
  ] as const) {
    it(`makes a dead letter of what Notify refuses for good: ${what}`, async () => {
      notify.failNext('POST', { answer })

      const entry = await test.ended(await send())

      expect(entry).to.include({ state: 'dead', code: 'ERR_NOTIFY_REFUSED', uncertain: false })
      expect(entry.reason).to.match(new RegExp(`^Notify refused the e-mail: ${error} \\(HTTP 4\\d\\d\\)$`))
    })
  }

  it('makes a dead letter when a placeholder of the template is missing, and says nothing of the answers', async () => {
    const message = 'Missing personalisation: Ada Lovelace'
    notify.failNext('POST', { answer: { status: 400, body: { errors: [{ error: 'BadRequestError', message }] } } })

    const { reason } = await test.ended(await send())

    expect(reason).not.to.contain('Ada')
  })

  for (const [what, answer, seconds] of [
    ['the rate limit', ERRORS.rateLimit, 60],
    ['the daily limit', ERRORS.dailyLimit, 3600],
  ] as const) {
    it(`comes back after ${what}`, async () => {
      notify.failNext('POST', { answer })
      const id = await send()

      const first = await test.attempted(id)

      const failed = test.events.findLast(({ event }) => event === 'attempt.failed')
      expect(first).to.include({ code: 'ERR_NOTIFY_LIMIT', uncertain: false, state: 'waiting' })
      expect(failed)
        .to.have.property('retryInSeconds')
        .that.is.within(seconds, seconds * 1.3)
      await test.advance({ hours: 2 })
      await test.delivered(id)
      expect(tries()).to.deep.equal(['POST 429', 'POST 201'])
    })
  }

  for (const status of [401, 403, 404]) {
    it(`repeats what was refused with ${status}: the key, the clock or the URL is wrong, and nothing was sent`, async () => {
      const body = {
        status_code: status,
        errors: [{ error: 'AuthError', message: 'Invalid token: API key not found' }],
      }
      notify.failNext('POST', { answer: { status, body } })
      const id = await send()

      expect(await test.attempted(id)).to.include({ code: 'ERR_NOTIFY_ACCESS', uncertain: false, state: 'waiting' })
      await test.advance({ hours: 2 })
      await test.delivered(id)
      expect(tries()).to.deep.equal([`POST ${status}`, 'POST 201'])
    })
  }

  it('repeats without a question what never got a connection', async () => {
    const gone = await startNotify()
    await gone[Symbol.asyncDispose]()
    await using other = await start(gone)
    const { submissionId: id } = await other.send('/v2/complaint', { submissionAnswers: ANSWERS })

    expect(await other.attempted(id)).to.include({ code: 'ECONNREFUSED', uncertain: false, state: 'waiting' })
  })

  it('runs as its README says', async () => {
    await using example = await startPrintedExample('to-email', () => ({
      NOTIFY_API_KEY: notify.apiKey,
      NOTIFY_TEMPLATE_ID: notify.templateId,
      NOTIFY_EMAIL_ADDRESS: MAILBOX,
      NOTIFY_URL: notify.url,
    }))

    const submissionId = await example.send()

    expect(notify.emails.map(({ reference }) => reference)).to.deep.equal([submissionId])
  })

  it('runs with a Notify of its own', async () => {
    await using example = await startPrintedExample('to-email', undefined, 'without npm')

    const submissionId = await example.send()

    const delivered = await example.line((line) => line['event'] === 'submission.delivered')
    expect(delivered).to.include({ submissionId, referenced: true })
  })
})

describe('the settings of the example that sends e-mails', () => {
  const GOOD = {
    NOTIFY_API_KEY: `a_key-${crypto.randomUUID()}-${crypto.randomUUID()}`,
    NOTIFY_TEMPLATE_ID: crypto.randomUUID(),
    NOTIFY_EMAIL_ADDRESS: MAILBOX,
    HOST: 'adapter.example.gov.uk',
  }

  it('are read', () => {
    const { values, problems } = readNotifySettings(GOOD)

    expect(problems).to.deep.equal([])
    expect(values).to.include({ NOTIFY_URL: 'https://api.notifications.service.gov.uk', NOTIFY_RETENTION_DAYS: 7 })
    expect(values.NOTIFY_API_KEY).to.deep.equal({
      serviceId: GOOD.NOTIFY_API_KEY.slice(6, 42),
      secret: GOOD.NOTIFY_API_KEY.slice(43),
    })
  })

  for (const [name, text, problem] of [
    ['NOTIFY_API_KEY', '', 'is missing'],
    ['NOTIFY_API_KEY', crypto.randomUUID(), 'must end with two UUIDs, as Notify shows it'],
    ['NOTIFY_TEMPLATE_ID', '', 'is missing'],
    ['NOTIFY_TEMPLATE_ID', 'complaint', 'must be a UUID'],
    ['NOTIFY_EMAIL_ADDRESS', '', 'is missing'],
    ['NOTIFY_URL', 'http://notify.example.com', 'must be an https URL'],
    ['NOTIFY_URL', 'notify', 'must be an https URL'],
    ['NOTIFY_RETENTION_DAYS', '2', 'must be a whole number, 3 to 90 days'],
    ['HOST', '', 'is missing: the e-mail links to files at https://HOST/'],
  ] as const) {
    it(`say that ${name} ${problem}, for ${text === '' ? 'none' : 'a wrong one'}`, () => {
      expect(readNotifySettings({ ...GOOD, [name]: text }).problems).to.deep.equal([`${name} ${problem}`])
    })
  }
})

describe('the stand-in for Notify', () => {
  let notify: NotifyStandIn
  let serviceId: string
  let secret: string
  before(async () => {
    notify = await startNotify()
    serviceId = notify.apiKey.slice(-73, -37)
    secret = notify.apiKey.slice(-36)
  })
  after(() => notify[Symbol.asyncDispose]())

  const seconds = () => Math.floor(Date.now() / 1000)
  const sign = (claims: Record<string, unknown>, key = secret, alg = 'HS256') =>
    new SignJWT(claims).setProtectedHeader({ typ: 'JWT', alg }).sign(new TextEncoder().encode(key))
  const ask = async (authorisation: string | undefined, body?: unknown) => {
    const answer = await fetch(`${notify.url}/v2/notifications${body === undefined ? '' : '/email'}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { ...(authorisation !== undefined && { Authorization: authorisation }) },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const { errors } = (await answer.json()) as { errors?: { error: string }[] }
    return `${answer.status} ${errors?.[0]?.error}`
  }

  for (const [what, expected, token] of [
    ['no token', '401 AuthError', async () => undefined],
    ['another scheme', '401 AuthError', async () => `Basic ${btoa('a:b')}`],
    ['no JWT', '403 AuthError', async () => 'Bearer x'],
    ['another key', '403 AuthError', async () => sign({ iss: serviceId, iat: seconds() }, crypto.randomUUID())],
    [
      'another algorithm',
      '403 AuthError',
      async () => sign({ iss: serviceId, iat: seconds() }, secret.repeat(2), 'HS512'),
    ],
    ['no signature', '403 AuthError', async () => `${btoa('{"alg":"none","typ":"JWT"}')}.${btoa('{"iat":1}')}.`],
    ['another service', '403 AuthError', async () => sign({ iss: crypto.randomUUID(), iat: seconds() })],
    ['no service', '403 AuthError', async () => sign({ iat: seconds() })],
    ['a token of a minute ago', '403 AuthError', async () => sign({ iss: serviceId, iat: seconds() - 60 })],
    ['a token of the next minute', '403 AuthError', async () => sign({ iss: serviceId, iat: seconds() + 60 })],
    ['a token without a time', '403 AuthError', async () => sign({ iss: serviceId })],
    ['a good token', '200 undefined', async () => sign({ iss: serviceId, iat: seconds() })],
  ] as const) {
    it(`answers ${expected.slice(0, 3)} to ${what}`, async () => {
      const given = await token()

      expect(await ask(given === undefined || given.includes(' ') ? given : `Bearer ${given}`)).to.equal(expected)
    })
  }

  const personalisation = { submission_id: '1', name: 'Ada', complaint: 'It was closed.', files: 'none' }
  for (const [what, expected, change] of [
    ['all that it needs', '201 undefined', {}],
    ['another template', '400 BadRequestError', { template_id: crypto.randomUUID() }],
    ['a template that is no UUID', '400 ValidationError', { template_id: 'x' }],
    ['no address', '400 ValidationError', { email_address: undefined }],
    ['a wrong address', '400 ValidationError', { email_address: 'nobody' }],
    ['a placeholder too few', '400 BadRequestError', { personalisation: { name: 'Ada' } }],
    ['a property too many', '400 ValidationError', { colour: 'red' }],
    ['a reference that is a number', '400 ValidationError', { reference: 1 }],
    ['too much', '400 BadRequestError', { personalisation: { ...personalisation, name: 'x'.repeat(2_000_001) } }],
  ] as const) {
    it(`answers ${expected.slice(0, 3)} to ${what}`, async () => {
      const body = { email_address: MAILBOX, template_id: notify.templateId, personalisation, ...change }

      expect(await ask(`Bearer ${await sign({ iss: serviceId, iat: seconds() })}`, body)).to.equal(expected)
    })
  }

  it('answers 400 to what is no JSON', async () => {
    expect(await ask(`Bearer ${await sign({ iss: serviceId, iat: seconds() })}`, '{')).to.equal('400 BadRequestError')
  })
})

/** An adapter with the form, whose requests to Notify wait for a fifth of a second. */
function start(notify: NotifyStandIn, retentionDays = 7): Promise<TestAdapter> {
  const apiKey = { serviceId: notify.apiKey.slice(-73, -37), secret: notify.apiKey.slice(-36) }
  const client = createNotify({ url: notify.url, apiKey, timeoutSeconds: 0.2 })
  const options = { templateId: notify.templateId, emailAddress: MAILBOX, retentionDays }
  const adapter = createAdapter({ forms: { complaint: complaint(client, options) } })
  return startTestAdapter(adapter, { environment: { RETRY_DELAY_MAX_SECONDS: '21600' } })
}
