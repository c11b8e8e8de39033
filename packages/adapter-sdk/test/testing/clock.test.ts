import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import { expect } from 'chai'
import { createAdapter } from '../../src/adapter.ts'
import { UncertainError } from '../../src/errors.ts'
import type { Form } from '../../src/form.ts'
import { TestClock } from '../../src/testing/clock.ts'
import { startTestAdapter, type TestAdapter } from '../../src/testing/index.ts'
import { until } from '../until.ts'

describe('the clock of the test kit', () => {
  const start = (form: Partial<Form>, environment = {}): Promise<TestAdapter> => {
    const complaint = { path: '/v2/complaint', repeatable: true, handle: async () => undefined, ...form } as Form
    return startTestAdapter(createAdapter({ forms: { complaint } }), { environment })
  }

  it('aborts the signal of an attempt when its time is over, and not before', async () => {
    const signals: AbortSignal[] = []
    await using adapter = await start(
      {
        timeoutSeconds: 600,
        async handle(_submission, { signal }) {
          signals.push(signal)
          await once(signal, 'abort')
          signal.throwIfAborted()
        },
      },
      { RETRY_LIMIT: '0' },
    )
    const { submissionId } = await adapter.send('/v2/complaint')
    await until(() => signals.length === 1)

    await adapter.advance({ minutes: 9, seconds: 58 })
    const before = signals[0]?.aborted
    await adapter.advance({ seconds: 2 })

    expect([before, signals[0]?.aborted]).to.deep.equal([false, true])
    const { state, reason } = await adapter.ended(submissionId)
    expect([state, reason]).to.deep.equal([
      'dead',
      '1 attempts failed, the last with ERR_ATTEMPT_TIMEOUT: the attempt took longer than 600 seconds',
    ])
  })

  it('lets a handler that respects its signal say how far it came, also when far more time passes', async () => {
    let isRunning = false
    await using adapter = await start(
      {
        timeoutSeconds: 10,
        async handle(_submission, { signal }) {
          isRunning = true
          await once(signal, 'abort')
          throw new UncertainError('the case system was asked')
        },
      },
      { RETRY_LIMIT: '0' },
    )
    const { submissionId } = await adapter.send('/v2/complaint')
    await until(() => isRunning)

    await adapter.advance({ hours: 1 })

    expect((await adapter.ended(submissionId)).reason).to.contain('ERR_OUTCOME_UNCERTAIN: the case system was asked')
  })

  it('gives up a handler that ignores its signal', async () => {
    let isRunning = false
    await using adapter = await start(
      {
        timeoutSeconds: 10,
        handle() {
          isRunning = true
          return new Promise<void>(() => {})
        },
      },
      { RETRY_LIMIT: '0' },
    )
    const { submissionId } = await adapter.send('/v2/complaint')
    await until(() => isRunning)

    await adapter.advance({ seconds: 15 })

    const { state, reason } = await adapter.ended(submissionId)
    expect([state, reason]).to.deep.equal([
      'dead',
      '1 attempts failed, the last with ERR_ATTEMPT_TIMEOUT: the handler did not end within 10 seconds, nor when its signal aborted',
    ])
  })

  it('asks confirm when the settle time is over, and not before', async () => {
    let asked = 0
    await using adapter = await start({
      repeatable: false,
      settleSeconds: 900,
      async handle() {
        throw new UncertainError('the connection broke')
      },
      async confirm() {
        asked += 1
        return { reference: 'C-1' }
      },
    })
    const { submissionId } = await adapter.send('/v2/complaint')
    await adapter.attempted(submissionId)

    await adapter.advance({ minutes: 14 })
    await adapter.running.store.counts()
    const before = asked
    await adapter.advance({ minutes: 2 })

    expect(await adapter.delivered(submissionId)).to.include({ reference: 'C-1' })
    expect([before, asked]).to.deep.equal([0, 1])
  })

  it('gives up a file that does not arrive in its time', async () => {
    await using server = createServer()
    await using adapter = await start({}, { ATTACHMENT_HOSTS: 'localhost:1' })
    const { cert, key } = adapter.certificate
    server.setSecureContext({ cert, key })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    await using other = await start({}, { ATTACHMENT_HOSTS: `localhost:${port}` })
    const link = { ...adapter.fileStore.link({ filename: 'a.txt', mimetype: 'text/plain', content: Buffer.from('a') }) }
    const connected = once(server, 'connection')

    const sending = other.send('/v2/complaint', { attachments: [{ ...link, url: `https://localhost:${port}/a` }] })
    const [socket] = await connected
    await other.advance({ minutes: 10 })
    const { status, body } = await sending
    socket.destroy()

    expect([status, body?.['code']]).to.deep.equal([503, 'ERR_ATTACHMENT_TIMEOUT'])
  })

  it('runs what falls due in its order and at its time, and lets it react', async () => {
    const clock = new TestClock()
    const begin = clock.now()
    const seen: (string | number)[] = []
    const note = (name: string) => () => seen.push(name, Math.round((clock.now() - begin) / 1000))
    clock.after(20, note('second'))
    clock.after(10, () => {
      note('first')()
      clock.after(5, note('added'))
    })
    clock.after(30, note('disposed'))[Symbol.dispose]()
    clock.after(50, note('late'))

    await clock.advance(40)
    const soFar = [...seen]
    await clock.advance(10)

    expect(soFar).to.deep.equal(['first', 10, 'added', 15, 'second', 20])
    expect(seen.slice(6)).to.deep.equal(['late', 50])
    expect(Math.round((clock.now() - begin) / 1000)).to.equal(50)
  })

  it('runs what is left of a time by itself', async () => {
    const clock = new TestClock()
    const done = new Promise<void>((resolve) => {
      clock.after(60, resolve)
    })

    await clock.advance(59.99)

    const alive = setInterval(() => {}, 1000) // the clock keeps no process alive
    await done
    clearInterval(alive)
  })
})
