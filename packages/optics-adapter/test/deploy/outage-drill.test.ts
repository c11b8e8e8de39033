import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createAdapter } from '@formbuilder/adapter-sdk'
import { startTestAdapter, type TestAdapter } from '@formbuilder/adapter-sdk/testing'
import { expect } from 'chai'
import { alertRules } from './alerts.ts'

const PASSWORD = 'correct horse battery'
const basic = (username: string, password: string) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`

describe('an outage drill: the case system is down for a day, then up again', () => {
  const cases = new Map<string, number>()
  const sent: string[] = []
  let adapter: TestAdapter
  let port: number
  let casework: Server
  let firing: Awaited<ReturnType<typeof alertRules>>
  let passedHours = 0

  before(async () => {
    firing = await alertRules()
    casework = await startCasework(0)
    port = (casework.address() as AddressInfo).port
    adapter = await startTestAdapter(
      createAdapter({
        forms: {
          complaint: {
            path: '/v2/complaint',
            async handle({ submissionId }, { signal }) {
              const answer = await fetch(`http://127.0.0.1:${port}/${submissionId}`, { method: 'POST', signal })
              return { reference: await answer.text() }
            },
          },
        },
      }),
      {
        environment: {
          METRICS_AUTH_USERNAME: 'metrics',
          METRICS_AUTH_PASSWORD: PASSWORD,
          ADMIN_PORT: '0',
          ADMIN_AUTH_USERNAME: 'sam',
          ADMIN_AUTH_PASSWORD: PASSWORD,
          RETRY_DELAY_SECONDS: '30',
          RETRY_DELAY_MAX_SECONDS: '3600',
          // Fewer than the default of 25, so that the first submission runs out of retries within the day.
          RETRY_LIMIT: '8',
        },
      },
    )
  })
  after(async () => {
    await adapter.stop()
    casework.close()
  })

  async function startCasework(onPort: number): Promise<Server> {
    const server = createServer((asked, response) => {
      const id = asked.url?.slice(1) ?? ''
      cases.set(id, (cases.get(id) ?? 0) + 1)
      response.end(`CASE-${cases.size}`)
    }).listen(onPort, '127.0.0.1')
    await once(server, 'listening')
    return server
  }

  const send = async () => {
    const answer = await adapter.send('/v2/complaint')
    sent.push(answer.submissionId)
    return answer.submissionId
  }
  const alerts = async () => {
    const headers = { Authorization: basic('metrics', PASSWORD) }
    // The certificate of the test kit expires within days, so its alert fires.
    return firing(
      (await adapter.request('GET', '/metrics', { headers })).text,
      Date.now() + passedHours * 3_600_000,
    ).filter((alert) => alert !== 'AdapterCertificateEnding')
  }
  const page = (path: string, body?: URLSearchParams, cookie = ''): Promise<{ text: string; cookie: string }> =>
    new Promise((resolve, reject) => {
      const sending = request(
        {
          host: '127.0.0.1',
          servername: 'localhost',
          port: adapter.running.adminPort,
          ca: adapter.certificate.cert,
          path,
          method: body === undefined ? 'GET' : 'POST',
          headers: {
            Authorization: basic('sam', PASSWORD),
            Cookie: cookie,
            ...(body !== undefined && { 'Content-Type': 'application/x-www-form-urlencoded' }),
          },
        },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => {
            text += chunk
          })
          response.on('end', () =>
            resolve({ text, cookie: String(response.headers['set-cookie']).split(';')[0] ?? '' }),
          )
        },
      )
      sending.on('error', reject)
      sending.end(body?.toString())
    })
  /** Moves the clock, and resolves when every attempt that became due has ended. */
  const pass = async (hours: number) => {
    const attempts = () => adapter.events.filter(({ event }) => event === 'attempt.started').length
    const ended = () =>
      adapter.events.filter(({ event }) => event === 'attempt.failed' || event === 'submission.delivered').length
    const waiting = (await adapter.running.ledger.counts()).waiting
    const before = attempts()
    passedHours += hours
    await adapter.advance({ hours })
    await until(() => attempts() >= before + waiting && ended() === attempts())
    await until(async () => (await adapter.running.ledger.counts()).running === 0)
  }

  it('loses nothing, creates each case once, and shows the right alerts and pages at each step', async function () {
    this.timeout(120_000)

    // A normal day.
    await adapter.ended(await send())
    expect(await alerts()).to.deep.equal([])
    expect((await page('/')).text).to.contain('All is well')

    // The case system goes down. Submissions are still accepted.
    casework.closeAllConnections()
    casework.close()
    for (let hour = 0; hour < 24; hour += 3) {
      await adapter.attempted(await send())
      await pass(3)
      if (hour === 0) {
        expect(await alerts()).to.deep.equal(['AdapterSubmissionsFailed', 'AdapterOldestWaiting'])
        expect((await page('/')).text).to.contain('The oldest submission has been waiting for 3 hours')
        expect((await page('/submissions?state=waiting')).text).to.contain(sent.at(-1))
        expect((await page(`/submission?id=${sent.at(-1)}`)).text).to.contain(
          'Attempt failed, will be retried (attempt 2)',
        )
      }
    }

    // A day later the first submission has used up its retries and is a dead letter.
    const { dead, waiting, oldestWaitingSeconds } = await adapter.running.ledger.counts()
    const deadLetters = await page('/dead-letters')
    expect([dead, waiting]).to.deep.equal([1, 7])
    expect(oldestWaitingSeconds).to.be.greaterThan(20 * 3600)
    expect(await alerts()).to.deep.equal(['AdapterSubmissionsFailed', 'AdapterDeadLetters', 'AdapterOldestWaiting'])
    expect(deadLetters.text).to.contain('ERR_RETRIES_EXHAUSTED').and.contain('Check that the case system is available')

    // The case system is up again. Waiting submissions are delivered; the dead letter waits for a person, and its alerts stay.
    casework = await startCasework(port)
    await pass(2)
    expect(await adapter.running.ledger.counts()).to.include({ dead: 1, waiting: 0, delivered: 8 })
    expect(await alerts()).to.deep.equal(['AdapterSubmissionsFailed', 'AdapterDeadLetters'])
    expect((await page('/')).text).to.contain('1 dead letter needs a decision')

    // The operator redrives all of them on the page.
    const form = await page('/decide?action=redrive&form=complaint&code=ERR_RETRIES_EXHAUSTED')
    const fields = [...form.text.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)]
    const body = new URLSearchParams(fields.map(([, name = '', value = '']): [string, string] => [name, value]))
    body.set('reason', 'the case system is back')
    await page('/decide', body, form.cookie)
    const record = await adapter.ended(sent[1] as string)

    expect(record.timeline.map(({ what, by }) => [what, by])).to.deep.include(['redriven', 'sam'])
    expect(await alerts()).to.deep.equal([])
    expect((await page('/')).text).to.contain('All is well')
    // The submission from before the outage was delivered more than a day ago, so it is not counted.
    expect((await page('/')).text).to.contain('Delivered by hour: 8 in 24 hours')
    expect([...cases.entries()].sort()).to.deep.equal(sent.map((id) => [id, 1]).sort())
  })
})

describe('a drill: the file host is down for two hours, then up again', () => {
  it('raises an alert after an hour, which is over with the next delivery', async () => {
    const firing = await alertRules()
    await using adapter = await startTestAdapter(
      createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => ({ reference: '1' }) } } }),
      { environment: { METRICS_AUTH_USERNAME: 'metrics', METRICS_AUTH_PASSWORD: PASSWORD } },
    )
    const headers = { Authorization: basic('metrics', PASSWORD) }
    const isRaised = async () =>
      firing((await adapter.request('GET', '/metrics', { headers })).text).includes('AdapterWaitingForFiles')
    const submissionId = crypto.randomUUID()
    const upload = { filename: 'letter.txt', mimetype: 'text/plain', content: Buffer.from('text') }
    const deliver = async () =>
      (await adapter.send('/v2/complaint', { submissionId, attachments: [adapter.fileStore.link(upload)] })).status

    adapter.fileStore.isDown = true
    const answers = [await deliver()]
    const raised = [await isRaised()]
    // The sender's pauses get longer: an alert must not wait for its next delivery.
    await adapter.advance({ minutes: 30 })
    answers.push(await deliver())
    raised.push(await isRaised())
    await adapter.advance({ minutes: 31 })
    raised.push(await isRaised())
    await adapter.advance({ hours: 1 })
    adapter.fileStore.isDown = false
    answers.push(await deliver())
    raised.push(await isRaised())

    expect([answers, raised]).to.deep.equal([
      [503, 503, 201],
      [false, false, true, false],
    ])
    expect(await adapter.ended(submissionId)).to.include({ state: 'delivered', files: 1 })
  })
})

async function until(condition: () => unknown): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10))
}
