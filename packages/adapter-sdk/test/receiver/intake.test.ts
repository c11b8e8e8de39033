import { expect } from 'chai'
import { createAdapter } from '../../src/adapter.ts'
import { startTestAdapter, type TestAdapter, type Upload } from '../../src/testing/index.ts'
import { sharedPostgres } from '../shared-postgres.ts'

const FILE: Upload = { filename: 'letter.txt', mimetype: 'text/plain', content: Buffer.from('what a citizen wrote') }

for (const kind of ['sqlite', 'postgres'] as const) {
  describe(`files of a submission, on ${kind === 'sqlite' ? 'SQLite' : 'PostgreSQL'}`, () => {
    let adapter: TestAdapter
    const handled = new Map<string, { files: number; missing: readonly string[] }>()
    before(async () => {
      const app = createAdapter({
        forms: {
          complaint: {
            path: '/v2/complaint',
            async handle({ submissionId }, { attachments, missingAttachments }) {
              handled.set(submissionId, {
                files: attachments.length,
                missing: missingAttachments.map(({ code }) => code),
              })
              return undefined
            },
          },
        },
      })
      const environment = kind === 'sqlite' ? {} : { DATABASE_URL: await (await sharedPostgres()).database() }
      adapter = await startTestAdapter(app, { environment })
    })
    after(() => adapter.stop())
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

    it('that three deliveries cannot capture are marked missing, and the submission becomes a dead letter', async () => {
      const submissionId = crypto.randomUUID()

      const statuses = [await send(submissionId, -1), await send(submissionId, -1), await send(submissionId, -1)].map(
        ({ status }) => status,
      )
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
      for (let delivery = 0; delivery < 3; delivery++) await send(submissionId, -1)

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
