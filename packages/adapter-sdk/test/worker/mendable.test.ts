/** Errors that show where to look: what operators see of a failed attempt, and what developers see. */
import { once } from 'node:events'
import { createServer, get, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import axios from 'axios'
import { expect } from 'chai'
import { createAdapter } from '../../src/adapter.ts'
import { PermanentError, UncertainError } from '../../src/errors.ts'
import type { Form } from '../../src/form.ts'
import { entryText } from '../../src/operator/text.ts'
import { wholeError } from '../../src/telemetry/whole-error.ts'
import { startTestAdapter, type TestAdapter } from '../../src/testing/index.ts'

const SAID = 'Ada Lovelace'
const HERE = /test\/worker\/mendable\.test\.ts:\d+/

describe('an error that shows where to look', () => {
  let target: Server
  let url: string
  /** Nothing listens there. */
  let closed: string
  before(async () => {
    const gone = createServer().listen(0, '127.0.0.1')
    await once(gone, 'listening')
    closed = `http://127.0.0.1:${(gone.address() as AddressInfo).port}/`
    gone.close()
    target = createServer((request, response) => {
      if (request.url === '/hang') return
      if (request.url === '/cut') {
        response.writeHead(200, { 'Content-Length': '10' }).write('{')
        setTimeout(() => response.destroy(), 20)
        return
      }
      const status = request.url === '/made' ? 200 : 503
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify({ said: SAID }))
    })
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(target.address() as AddressInfo).port}`
  })
  after(() => {
    target.closeAllConnections()
    target.close()
  })

  /** Of all tests but those of another environment: each has a form of its own. */
  const forms: Record<string, Form> = {}
  let adapter: TestAdapter
  const startWith = (given: Readonly<Record<string, Form>>, environment: Readonly<Record<string, string>> = {}) =>
    startTestAdapter(createAdapter({ forms: given }), { environment: { RETRY_LIMIT: '0', ...environment } })
  before(async () => {
    adapter = await startWith(forms, { CONCURRENCY: String(Object.keys(forms).length) })
  })
  after(() => adapter.stop())

  function addForm(form: Omit<Form, 'path'>): string {
    const path = `/v2/form-${Object.keys(forms).length}`
    forms[path.slice(4)] = { path, ...form } as Form
    return path
  }

  /** The dead letter that the handler leaves, as the ledger and the commands show it, and the events. */
  async function dead(path: string, of = adapter) {
    const before = of.events.length
    const { submissionId } = await of.send(path, { submissionAnswers: { name: SAID } })
    const entry = await of.ended(submissionId)
    const events = JSON.stringify(of.events.slice(before))
    return { entry, events, text: entryText(entry, 'adapter') }
  }

  for (const [what, handle, shown] of [
    [
      'a bug',
      async ({ submissionAnswers }: { submissionAnswers: unknown }) =>
        void (submissionAnswers as { no: { such: string } }).no.such,
      /threw TypeError, at /,
    ],
    [
      'a refused connection',
      async () => void (await axios.post(closed, { SAID }, { proxy: false })),
      /threw \w*Error ECONNREFUSED, at .*; caused by \w*Error ECONNREFUSED/,
    ],
    [
      'a connection that fetch was refused',
      async () => void (await fetch(closed, { method: 'POST', body: SAID })),
      /threw TypeError.*; caused by Error ECONNREFUSED, at /,
    ],
    [
      'a connection that fetch was refused, in a promise that the handler returns',
      () => fetch(closed).then(() => undefined),
      /threw TypeError.*; caused by Error ECONNREFUSED, at /,
    ],
    [
      'a name that fetch does not find',
      async () => void (await Promise.all([fetch('http://cases.invalid/')])),
      /threw TypeError.*; caused by Error (?:ENOTFOUND|EAI_AGAIN), at /,
    ],
    [
      'an answer to fetch that broke off',
      async () => {
        const answer = await fetch(`${url}/cut`)
        await answer.json()
      },
      /threw TypeError.*; caused by SocketError UND_ERR_SOCKET, at /,
    ],
    [
      'a time-out of fetch',
      () => fetch(`${url}/hang`, { signal: AbortSignal.timeout(20) }).then(() => undefined),
      /threw TimeoutError, at /,
    ],
    [
      'a connection that node:http was refused',
      () => new Promise<undefined>((_, reject) => void get(closed).on('error', reject)),
      /threw Error ECONNREFUSED, at /,
    ],
    [
      'a 503 of the target',
      async () => void (await axios.post(url, { SAID }, { proxy: false })),
      /threw AxiosError ERR_BAD_RESPONSE, HTTP 503, at /,
    ],
  ] as const) {
    const path = addForm({ repeatable: true, handle })
    it(`shows the line, the cause and the status of ${what}, in the ledger, the command and the events`, async () => {
      const { entry, events, text } = await dead(path)

      for (const seen of [entry.reason ?? '', JSON.stringify(entry), text])
        expect(seen).to.match(shown).and.to.match(HERE)
      expect(events)
        .to.match(/"failure":\{"name":"\w+"/)
        .and.to.match(HERE)
      expect(JSON.stringify(entry) + text + events).not.to.match(/Lovelace|Cannot read/)
    })
  }

  for (const repeatable of [true, false]) {
    const path = addForm({
      repeatable,
      async handle() {
        const { data } = await axios.post(`${url}/made`, {}, { proxy: false })
        if (typeof data.id !== 'string') throw new UncertainError('the case system answered, and named no case')
      },
    })
    it(`never says that no case was made after a 2xx without an id, repeatable: ${repeatable}`, async () => {
      const { entry, text } = await dead(path)

      expect(entry).to.include({ state: 'dead', uncertain: true, code: 'ERR_OUTCOME_UNCERTAIN' })
      expect(text).to.contain('may already have made this case').and.not.to.contain('No case was made')
    })
  }

  for (const [what, hang] of [
    ['axios', () => axios.post(`${url}/hang`, {}, { proxy: false, timeout: 20 })],
    ['a signal', () => fetch(`${url}/hang`, { method: 'POST', body: '{}', signal: AbortSignal.timeout(20) })],
    ['a connection that broke', () => axios.post(`${url}/cut`, {}, { proxy: false })],
    ['a 500', () => axios.post(`${url}/failed`, {}, { proxy: false })],
  ] as const) {
    for (const repeatable of [true, false, undefined, 'until-acting'] as const) {
      const handle = async () => void (await hang())
      const path = addForm({ ...(repeatable !== undefined && { repeatable }), handle })
      it(`never says that no case was made after ${what} ended the last attempt, repeatable: ${repeatable}`, async () => {
        const { entry, text } = await dead(path)

        expect(entry.state).to.equal('dead')
        expect(text).not.to.match(/no case/i)
        expect(text).to.contain('No attempt has reported a case.').and.to.contain('searched the case system')
      })
    }
  }

  const refused = addForm({
    repeatable: true,
    async handle() {
      throw new PermanentError('the file was refused', { reference: 'C-7', status: 422 })
    },
  })
  it('names what was made so far, where an attempt reported it', async () => {
    const { entry, text } = await dead(refused)

    expect(entry).to.include({ uncertain: false, reason: 'the file was refused (HTTP 422)' })
    expect(text).to.contain('An attempt reported C-7, and did not finish.')
  })

  it('is whole in development: message, stack, causes and the answer of the target', async () => {
    const error = await axios.post(url, {}, { proxy: false }).catch((thrown: unknown) => thrown)

    const text = wholeError(new TypeError('no name', { cause: error }))

    expect(text).to.match(/^TypeError: no name\n {4}at .*mendable/)
    expect(text).to.contain('caused by AxiosError: Request failed').and.to.contain("said: 'Ada Lovelace'")
    expect(text).to.contain('status: 503')
  })

  it('is printed whole where SHOW_ERRORS says so, and nowhere else', async () => {
    const handle = () => Promise.reject(new Error(`no ${SAID}`))

    const path = '/v2/complaint'
    const deadWhere = async (SHOW_ERRORS: string) => {
      await using showing = await startWith({ complaint: { path, repeatable: true, handle } }, { SHOW_ERRORS })
      await dead(path, showing)
    }

    const hidden = await printed(() => deadWhere('false'))
    const shown = await printed(() => deadWhere('true'))

    expect(hidden).not.to.contain(SAID)
    expect(shown).to.match(/attempt 1 of complaint [\w-]+ failed:\nError: no Ada Lovelace\n {4}at /)
  })

  it('of a route of the team has its line in the event, and is whole in development only', async () => {
    const asked = async (showErrors: string) => {
      const adapter = createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } })
      adapter.app.use(async (ctx, next) => {
        if (ctx.path === '/mine')
          throw new Error(`no ${SAID}`, { cause: Object.assign(new Error(''), { status: 503 }) })
        await next()
      })
      await using test = await startTestAdapter(adapter, { environment: { SHOW_ERRORS: showErrors } })
      const { status, body } = await test.request('GET', '/mine')
      return { status, body, events: JSON.stringify(test.events) }
    }
    let answer: { status: number; body: unknown; events: string } = { status: 0, body: '', events: '' }
    const record = (showErrors: string) => async () => {
      answer = await asked(showErrors)
    }

    const hidden = await printed(record('false'))
    expect(answer.status).to.equal(500)
    expect(answer.events)
      .to.match(/"during":"request","code":"Error","failure":/)
      .and.to.match(HERE)
    expect(answer.events).to.contain('"status":503')
    expect(hidden + JSON.stringify(answer)).not.to.contain('Lovelace')

    const shown = await printed(record('true'))
    expect(shown)
      .to.match(/a request failed:\nError: no Ada Lovelace\n {4}at .*\n/)
      .and.to.contain('status: 503')
    expect(JSON.stringify(answer)).not.to.contain('Lovelace')
  })
})

/** What is written to standard error. */
async function printed(run: () => Promise<unknown>): Promise<string> {
  const written: string[] = []
  const { write } = process.stderr
  process.stderr.write = (chunk) => written.push(String(chunk)) > 0
  try {
    await run()
  } finally {
    process.stderr.write = write
  }
  return written.join('')
}
