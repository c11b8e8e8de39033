/** Floods of several kinds, each still going on when the honest sender has been served. */
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import { createAdapter } from '@formbuilder/adapter-sdk'
import { startTestAdapter, type TestAdapter } from '@formbuilder/adapter-sdk/testing'
import { expect } from 'chai'
import { answersIn, exchange, exchangeFrom, post, type WireAnswer, wire } from './wire.ts'

const FORM = '/v2/complaint'

describe('a flooded adapter', function () {
  this.timeout(120_000)
  let adapter: TestAdapter
  const start = async (environment: Readonly<Record<string, string>> = {}) => {
    const forms = { complaint: { path: FORM, handle: async () => undefined } }
    adapter = await startTestAdapter(createAdapter({ forms }), { environment })
  }
  afterEach(() => adapter.stop())

  /** Keeps doing it, so many at a time, until the work is done. */
  async function meanwhile<T>(concurrency: number, attack: () => Promise<unknown>, work: () => Promise<T>): Promise<T> {
    let over = false
    const attackers = Array.from({ length: concurrency }, async () => {
      while (!over) await attack().catch(() => undefined)
    })
    try {
      return await work()
    } finally {
      over = true
      await Promise.all(attackers)
    }
  }

  /** Three submissions, one after the other, each seen to its end. */
  async function honest(): Promise<number[]> {
    const statuses: number[] = []
    for (let n = 0; n < 3; n++) {
      const { status, submissionId } = await adapter.send(FORM)
      statuses.push(status)
      await adapter.ended(submissionId)
    }
    return statuses
  }

  const CREATED = [201, 201, 201]

  it('of forged tokens: an honest sender is served', async () => {
    await start()
    // The first character of the tag (22 characters, all of its bits count), changed whatever it was.
    const forged = (await adapter.compose()).jwe.replace(/.(?=.{21}$)/, (first) => (first === 'A' ? 'B' : 'A'))
    let refused = 0
    const attack = async () => {
      if ((await adapter.request('POST', FORM, { body: forged })).status === 401) refused += 1
    }

    expect(await meanwhile(8, attack, honest)).to.deep.equal(CREATED)
    expect(refused).to.be.above(0)
  })

  it('of one address beyond its rate: it is told when to come back, and an honest sender elsewhere is served', async () => {
    // Less than what one connection below sends at once, and so in one second.
    await start({ SERVER_REQUESTS_PER_SECOND_PER_ADDRESS: '8' })
    const answers: WireAnswer[] = []
    const attack = async () => {
      const one = (connection: string) => post(FORM, ['Host: a', 'Content-Length: 0', `Connection: ${connection}`])
      const bytes = one('keep-alive').repeat(8) + one('close')
      answers.push(...answersIn(await exchangeFrom('127.0.0.2', adapter, bytes)))
    }

    expect(await meanwhile(5, attack, honest)).to.deep.equal(CREATED)
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused.map(({ headers }) => headers['retry-after'])).to.include('1')
  })

  for (const [what, opening] of [
    ['that say nothing', ''],
    ['whose headers never end', `POST ${FORM} HTTP/1.1\r\nHost: a\r\nX-`],
    ['whose body never ends', `POST ${FORM} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc`],
    ['whose chunks never end', `POST ${FORM} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n`],
  ] as const) {
    it(`of connections ${what}: an honest sender is served`, async () => {
      await start({ SERVER_CONNECTIONS: '60', SERVER_CONNECTIONS_PER_ADDRESS: '50', SERVER_CONCURRENT_REQUESTS: '55' })
      const held: TLSSocket[] = []
      const flooded = Promise.withResolvers<void>()
      const attack = async () => {
        const socket = await wire(adapter, '127.0.0.2')
        socket.write(opening)
        held.push(socket)
        if (held.length > 50) flooded.resolve() // more than its address may have
      }

      try {
        expect(await meanwhile(8, attack, () => flooded.promise.then(honest))).to.deep.equal(CREATED)
      } finally {
        for (const socket of held) socket.destroy()
      }
    })
  }

  it('of looks at its readiness: an honest sender is served', async () => {
    await start()

    const attack = async () => await adapter.request('GET', '/readiness')

    expect(await meanwhile(8, attack, honest)).to.deep.equal(CREATED)
  })

  it('of genuine submissions beyond what may wait: 503 with Retry-After, and what was promised is kept', async () => {
    await start({ ACCEPT_WAITING_LIMIT: '1' })
    const submissions = await Promise.all(Array.from({ length: 80 }, () => adapter.compose()))
    const send = async ({ jwe }: { jwe: string }) => await adapter.request('POST', FORM, { body: jwe })

    // All at once: the store keeps up with what comes one after the other.
    const sockets = await Promise.all(submissions.map(() => wire(adapter)))
    const answers = await Promise.all(
      submissions.map(async ({ jwe }, index) => {
        const socket = sockets[index] as TLSSocket
        const headers = ['Host: a', 'Content-Type: text/plain', `Content-Length: ${jwe.length}`, 'Connection: close']
        socket.write(post(FORM, headers, jwe))
        const [answer] = answersIn(await text(socket))
        return { ...(answer as WireAnswer), body: answer?.body ? JSON.parse(answer.body) : undefined }
      }),
    )

    const full = answers.filter(({ status }) => status === 503)
    expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([201, 503]))
    for (const { headers, body } of full) {
      expect(headers['retry-after']).to.match(/^\d+$/)
      expect(body).to.include({ code: 'ERR_STORE_FULL' })
    }
    for (const [index, { status }] of answers.entries()) {
      const { submissionId, jwe } = submissions[index] ?? { submissionId: '', jwe: '' }
      if (status === 503) expect((await send({ jwe })).status).to.equal(201)
      expect((await adapter.ended(submissionId)).state).to.equal('delivered')
    }
    expect(adapter.handled).to.have.length(80)
  })

  it('of requests to no form: an honest sender is served, on one connection and with one answer each', async () => {
    await start()
    const attack = async () =>
      await exchange(adapter, post('/v9/none', ['Host: a', 'Content-Length: 0', 'Connection: close']))

    expect(await meanwhile(8, attack, honest)).to.deep.equal(CREATED)
  })
})
