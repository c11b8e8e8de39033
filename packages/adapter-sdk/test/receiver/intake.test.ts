import { expect } from 'chai'
import { type Adapter, createAdapter } from '../../src/adapter.ts'
import { PermanentError } from '../../src/errors.ts'
import { rowId } from '../../src/store/submission.ts'
import { startTestAdapter, type TestAdapter, type Upload } from '../../src/testing/index.ts'
import { senderRetrySeconds } from '../../src/testing/sender.ts'
import { sharedPostgres } from '../shared-postgres.ts'

const FILE: Upload = { filename: 'letter.txt', mimetype: 'text/plain', content: Buffer.from('what a citizen wrote') }

for (const kind of ['sqlite', 'postgres'] as const) {
  describe(`files of a submission, on ${kind === 'sqlite' ? 'SQLite' : 'PostgreSQL'}`, () => {
    let adapter: TestAdapter
    let app: Adapter
    let environment: Readonly<Record<string, string>>
    /** What the handler throws, by submission. */
    const outcomes = new Map<string, Error>()
    const handled = new Map<string, { files: number; missing: readonly string[] }>()
    before(async () => {
      app = createAdapter({
        forms: {
          complaint: {
            path: '/v2/complaint',
            async handle({ submissionId }, { attachments, missingAttachments }) {
              const outcome = outcomes.get(submissionId)
              if (outcome !== undefined) throw outcome
              handled.set(submissionId, {
                files: attachments.length,
                missing: missingAttachments.map(({ code }) => code),
              })
              return undefined
            },
          },
        },
      })
      environment = kind === 'sqlite' ? {} : { DATABASE_URL: await (await sharedPostgres()).database() }
      adapter = await startTestAdapter(app, { environment })
    })
    after(() => adapter.stop())
    afterEach(() => {
      adapter.fileStore.isDown = false
    })
    /** Delivers as the sender's queue does while the file host is unavailable for so long; the answers, by the time in seconds. */
    const deliver = async (unavailableSeconds: number, mostDeliveries = 25, to = adapter) => {
      const submissionId = crypto.randomUUID()
      const answers: (readonly [number, number])[] = []
      let elapsed = 0
      for (let delivery = 1; delivery <= mostDeliveries; delivery++) {
        to.fileStore.isDown = elapsed < unavailableSeconds
        const { status } = await to.send('/v2/complaint', { submissionId, attachments: [to.fileStore.link(FILE)] })
        answers.push([elapsed, status])
        if (status < 300) break
        elapsed += senderRetrySeconds(delivery)
        await to.advance({ seconds: senderRetrySeconds(delivery) })
      }
      return { submissionId, answers, last: answers.at(-1) }
    }
    /** Three deliveries within a day, all with links that have expired. */
    const sendInVain = async (submissionId: string) => {
      const statuses: number[] = []
      for (const hours of [0, 12, 12]) {
        await adapter.advance({ hours })
        statuses.push((await send(submissionId, -1)).status)
      }
      return statuses
    }
    const listFiles = async () => {
      const ids: string[] = []
      for await (const id of adapter.running.store.files.list(-1e9)) ids.push(id)
      return ids
    }
    const filesStored = async () => (await listFiles()).length
    /** Ids of the files that a submission owns. */
    const heldFiles = async (id: string) => {
      const ids = await listFiles()
      const owners = await Promise.all(ids.map((file) => adapter.running.store.ownerOf(file)))
      return ids.filter((_, i) => owners[i] !== undefined && rowId('complaint', owners[i].submissionId) === id)
    }
    const send = (submissionId: string, lifeSeconds = 900) =>
      adapter.send('/v2/complaint', { submissionId, attachments: [adapter.fileStore.link(FILE, lifeSeconds)] })

    it('are captured before the answer 201, and served to the case system afterwards', async () => {
      const submissionId = crypto.randomUUID()

      const { status } = await send(submissionId)
      const captured = adapter.fileStore.served
      await adapter.ended(submissionId)
      const { id } =
        adapter.handled.find(({ submission }) => submission.submissionId === submissionId)?.attachments[0] ?? {}
      const served = await adapter.request('GET', `/v1/attachments/${id}`)

      expect([status, captured > 0, served.status, served.text]).to.deep.equal([201, true, 200, 'what a citizen wrote'])
      expect(served.headers['content-disposition']).to.equal('attachment; filename=letter.txt')
    })

    it('with an expired link are answered 503, and fresh links in the next delivery make one case', async () => {
      const submissionId = crypto.randomUUID()

      const first = await send(submissionId, -1)
      const second = await send(submissionId)
      const record = await adapter.ended(submissionId)

      expect([first.status, first.headers['retry-after'], first.body?.['code']]).to.deep.equal([
        503,
        '30',
        'ERR_ATTACHMENT_STATUS',
      ])
      expect(second.status).to.equal(201)
      expect(record).to.include({ state: 'delivered', attempts: 1, files: 1 })
    })

    const HOUR = 3600
    for (const [what, seconds, last] of [
      ['30 seconds', 30, [113, 201]],
      ['23 hours', 23 * HOUR, [89_336, 201]],
    ] as const) {
      it(`of a host that is unavailable for ${what} are captured, and make one case`, async () => {
        const { submissionId, ...delivered } = await deliver(seconds)
        const record = await adapter.ended(submissionId)

        expect(delivered.last).to.deep.equal(last)
        expect(record).to.include({ state: 'delivered', files: 1, missingFiles: 0 })
      })
    }

    for (const [what, seconds] of [
      ['25 hours', 25 * HOUR],
      ['ever', Number.POSITIVE_INFINITY],
    ] as const) {
      it(`of a host that is unavailable for ${what} are marked missing a day after the first delivery`, async () => {
        const { submissionId, answers, last } = await deliver(seconds)
        const record = await adapter.ended(submissionId)

        expect([answers.length, last]).to.deep.equal([14, [89_336, 201]])
        expect(answers.slice(0, -1).map(([, status]) => status)).to.deep.equal(Array(13).fill(503))
        expect(record).to.include({ state: 'dead', code: 'ERR_ATTACHMENT_MISSING', files: 0, missingFiles: 1 })
      })
    }

    it('need three deliveries even after a day, and are given afresh to a submission that was accepted', async () => {
      const submissionId = crypto.randomUUID()
      const statuses: number[] = []
      for (const hours of [0, 30, 30, 0, 1]) {
        await adapter.advance({ hours })
        statuses.push((await send(submissionId, -1)).status)
      }

      expect(statuses).to.deep.equal([503, 503, 201, 503, 503])
    })

    it('are waited for exactly 24 hours', async () => {
      const submissionId = crypto.randomUUID()
      const statuses: number[] = []
      for (const seconds of [0, 60, 23 * HOUR, HOUR - 120, 61]) {
        await adapter.advance({ seconds })
        statuses.push((await send(submissionId, -1)).status)
      }

      expect(statuses).to.deep.equal([503, 503, 503, 503, 201])
    })

    it('that are held survive a repeat whose link has failed, however long it fails', async () => {
      const submissionId = crypto.randomUUID()
      outcomes.set(submissionId, new PermanentError('no team'))
      await send(submissionId)
      const { id } = await adapter.ended(submissionId)
      const [file] = await heldFiles(id)

      const statuses: number[] = []
      for (const hours of [0, 12, 12]) {
        await adapter.advance({ hours })
        statuses.push((await send(submissionId, -1)).status)
      }
      const record = await adapter.running.ledger.show(submissionId)
      outcomes.delete(submissionId)
      await adapter.running.ledger.redrive({ id: submissionId }, 'a test')
      await adapter.ended(submissionId)

      expect(statuses).to.deep.equal([503, 503, 200])
      expect(record).to.include({ state: 'dead', code: 'ERR_HANDLER_PERMANENT', files: 1, missingFiles: 0 })
      expect(record.timeline.at(-1)).to.include({ what: 'copy not taken', code: 'ERR_ATTACHMENT_MISSING' })
      expect(await heldFiles(id)).to.deep.equal([file])
      expect(handled.get(submissionId)).to.deep.equal({ files: 1, missing: [] })
    })

    it('that a copy brought are removed when it does not take the place of a letter', async () => {
      const submissionId = crypto.randomUUID()
      const both = (first: number, second: number) =>
        adapter.send('/v2/complaint', {
          submissionId,
          attachments: [adapter.fileStore.link(FILE, first), adapter.fileStore.link(FILE, second)],
        })
      for (const hours of [0, 12, 12]) {
        await adapter.advance({ hours })
        await both(900, -1)
      }
      const { id } = await adapter.ended(submissionId)
      const held = await heldFiles(id)
      const before = await filesStored()
      const statuses: number[] = []
      for (const hours of [0, 12, 12]) {
        await adapter.advance({ hours })
        statuses.push((await both(-1, 900)).status)
      }

      expect(statuses).to.deep.equal([503, 503, 200])
      expect(await heldFiles(id)).to.deep.equal(held)
      expect(await filesStored()).to.equal(before)
    })

    it('that an operator dropped on purpose do not keep a copy from taking the place of a letter', async () => {
      const submissionId = crypto.randomUUID()
      outcomes.set(submissionId, new PermanentError('no team'))
      const files = [adapter.fileStore.link(FILE), adapter.fileStore.link(FILE)]
      await adapter.send('/v2/complaint', { submissionId, attachments: files })
      await adapter.ended(submissionId)
      outcomes.delete(submissionId)

      const { status } = await send(submissionId)

      const { state } = await adapter.ended(submissionId)

      expect([status, state]).to.deep.equal([201, 'delivered'])
      expect(handled.get(submissionId)).to.deep.equal({ files: 1, missing: [] })
    })

    it('that three deliveries cannot capture are marked missing at once where there is no patience', async () => {
      await using hasty = await startTestAdapter(app, {
        environment: { ...environment, ATTACHMENT_PATIENCE_HOURS: '0' },
      })
      const { answers } = await deliver(Number.POSITIVE_INFINITY, 25, hasty)

      expect(answers).to.deep.equal([
        [0, 503],
        [6, 503],
        [27, 201],
      ])
    })

    it('that a day cannot capture are marked missing, and the handler is told after a redrive', async () => {
      const submissionId = crypto.randomUUID()

      const statuses = await sendInVain(submissionId)
      const record = await adapter.ended(submissionId)
      const before = handled.has(submissionId)
      await adapter.running.ledger.redrive({ id: submissionId }, 'a test')
      await adapter.ended(submissionId)

      expect(statuses).to.deep.equal([503, 503, 201])
      expect(record).to.include({ state: 'dead', code: 'ERR_ATTACHMENT_MISSING', missingFiles: 1, files: 0 })
      expect(before).to.equal(false)
      expect(handled.get(submissionId)).to.deep.equal({ files: 0, missing: ['ERR_ATTACHMENT_STATUS'] })
    })

    it('that a later delivery captures replace the missing ones', async () => {
      const submissionId = crypto.randomUUID()
      await sendInVain(submissionId)

      const { status } = await send(submissionId)
      const record = await adapter.ended(submissionId)

      expect(status).to.equal(201)
      expect(record).to.include({ state: 'delivered', files: 1, missingFiles: 0 })
    })

    it('are captured once if twenty copies arrive together', async () => {
      const submissionId = crypto.randomUUID()
      const before = adapter.fileStore.served

      const answers = await Promise.all(Array.from({ length: 20 }, () => send(submissionId)))
      await adapter.ended(submissionId)

      expect(answers.map(({ status }) => status).sort()).to.deep.equal([...Array(19).fill(200), 201])
      expect(adapter.fileStore.served - before).to.equal(1)
    })

    it('are not fetched again if their submission is already stored', async () => {
      const submissionId = crypto.randomUUID()
      await send(submissionId)
      const before = adapter.fileStore.served

      const { status } = await send(submissionId, -1)

      expect([status, adapter.fileStore.served - before]).to.deep.equal([200, 0])
    })
  })
}
