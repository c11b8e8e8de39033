import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import type { TestAdapter } from '../../../src/testing/index.ts'
import { sharedPostgres } from '../../shared-postgres.ts'
import { dead, delivered, retry } from '../../submissions.ts'
import { startOperatedAdapter, submit } from './adapter.ts'
import { ask } from './ask.ts'
import { make } from './many.ts'

const LINKS = {
  OPERATOR_TRACE_URL: 'https://trace.example/trace/{traceId}?s={submissionId}',
  OPERATOR_LOG_URL: 'https://logs.example/#/?q="{submissionId}"',
}
const PLACES: Readonly<Record<string, () => Promise<Record<string, string>>>> = {
  SQLite: async () => ({}),
  PostgreSQL: async () => ({ DATABASE_URL: await (await sharedPostgres()).database() }),
}

for (const [kind, place] of Object.entries(PLACES)) {
  describe(`the page of a submission, on ${kind}`, () => {
    let adapter: TestAdapter
    before(async () => {
      adapter = await startOperatedAdapter({ ...(await place()), ...LINKS })
    })
    after(() => adapter.stop())

    const page = async (submissionId: string) => {
      const { id } = await adapter.running.ledger.show(submissionId)
      return (await ask(adapter, `/submission?id=${id}`)).text
    }

    it('shows the size of each file and when it was captured, or why it is missing, and no name or id', async () => {
      const file = { id: randomUUID(), bytes: 1_250_032, plaintextBytes: 1_250_000, sha256: 'ab' }
      const small = { ...file, id: randomUUID(), plaintextBytes: 999 }
      const missing = { missing: 'ERR_ATTACHMENT_STATUS', message: 'attachments[1]: the answer is 403' } as const
      const over = { form: 'enquiry', submissionId: randomUUID(), files: [file, missing, small] }
      await adapter.running.store.accept([{ ...over, serviceSlug: 'x', jwe: 'a..b.c.d' }])
      const { receivedAt } = await adapter.running.ledger.show(over.submissionId)

      const text = await page(over.submissionId)

      const [, files = ''] = /Files<\/h2>([\s\S]*?)<\/ol>/.exec(text) ?? []
      expect(files).to.match(new RegExp(`1\\.3 MB, captured <time datetime="${receivedAt}">`))
      expect(files).to.contain('Missing: <span class="operator-code">ERR_ATTACHMENT_STATUS</span>')
      expect(files).to.contain('999 bytes, captured')
      expect(text).not.to.contain(file.id)
      expect(text).to.contain('The case is made without the file that is missing.')
    })

    it('says what was tried and what happens next, in each state', async () => {
      const { store } = adapter.running
      const next = async (ending: Parameters<typeof make>[2]) => {
        const [made] = await make(store, 1, ending)
        const [, text = ''] =
          /What happens next<\/h2>\s*<p class="govuk-body">(.*)<\/p>/.exec(await page(made?.submissionId ?? '')) ?? []
        return text
      }

      expect(await next(() => retry({ delaySeconds: 600 }))).to.equal(
        '1 attempt has started. This adapter does not have the form, so that no attempt starts here.',
      )
      expect(await next(() => delivered())).to.equal('It was delivered. Nothing happens any more.')
      const own = await page(await submit(adapter, 'later'))
      expect(own).to.match(/1 attempt has started\. Attempt 2 starts at \d+.*\d retries are left\./)
      expect(await page(await submit(adapter, 'uncertain')))
        .to.contain('the next one hands the submission over again')
        .and.contain('the adapter cannot ask for it. Search the case system first')
        .and.not.contain('submission ID first')
    })

    it('links to its trace and its log, where it has these', async () => {
      const { store } = adapter.running
      const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`
      const strange = `a"b/${randomUUID()}`
      await make(store, 1, () => dead(), { submissionId: strange, traceparent })
      const [without] = await make(store, 1, () => dead())

      const [both, one] = [await page(strange), await page(without?.submissionId ?? '')]

      const encoded = encodeURIComponent(strange)
      expect(both).to.contain(`href="https://trace.example/trace/${'ab'.repeat(16)}?s=${encoded}"`)
      expect(both).to.contain(`href="https://logs.example/#/?q=&quot;${encoded}&quot;"`)
      expect(one).to.contain('https://logs.example/').and.not.contain('trace.example')
    })

    it('has one primary button', async () => {
      const text = await page(await submit(adapter, 'reject'))

      expect(text.match(/class="govuk-button( govuk-button--warning)?"/g)).to.have.length(1)
    })
  })
}

describe('the page of a submission without templates of links', () => {
  it('links to nothing outside', async () => {
    await using adapter = await startOperatedAdapter()
    const { id } = await adapter.running.ledger.show(await submit(adapter, 'reject'))

    expect((await ask(adapter, `/submission?id=${id}`)).text).not.to.match(/href="https?:/)
  })
})
