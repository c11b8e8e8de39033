import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import type { Browser, Page } from 'playwright-core'
import type { TestAdapter } from '../../src/testing/index.ts'
import { OPERATOR, startOperatedAdapter } from '../operator/page/adapter.ts'
import { problemsAt, startBrowser } from '../operator/page/browser.ts'
import { ALL, DEAD, FORM, fillMany, REASONS } from '../operator/page/many.ts'
import { sharedPostgres } from '../shared-postgres.ts'

const PLACES: Readonly<Record<string, () => Promise<Record<string, string>>>> = {
  SQLite: async () => ({}),
  PostgreSQL: async () => ({ DATABASE_URL: await (await sharedPostgres()).database() }),
}

const LINKS = {
  OPERATOR_TRACE_URL: 'https://trace.example/{traceId}',
  OPERATOR_LOG_URL: 'https://logs.example/?q={submissionId}',
}
const PAGES = [
  ['list', '/submissions?state=dead'],
  ['list-refreshing', '/submissions?refresh=60'],
  ['list-problem', '/submissions?from=yesterday&attempts=x'],
  ['groups', '/dead-letters'],
  ['all', `/decide?action=redrive&all=1&of_state=dead&of_form=${FORM}&list=state%3Ddead`],
  ['none-chosen', '/decide?action=redrive&list=state%3Ddead'],
  ['no-page', '/nothing'],
] as const

describe('2,000 submissions in a browser', () => {
  let browser: Browser
  before(async () => {
    browser = await startBrowser()
  })
  after(() => browser.close())

  for (const [kind, place] of Object.entries(PLACES)) {
    describe(`on ${kind}`, () => {
      let adapter: TestAdapter
      /** Is loaded again by itself while the other tests run. */
      let refreshing: Page
      let loads = 0
      const problems: string[] = []
      before(async () => {
        adapter = await startOperatedAdapter({ ...(await place()), ...LINKS })
        await fillMany(adapter)
        refreshing = await open('/submissions?state=dead&refresh=10')
        refreshing.on('load', () => {
          loads += 1
        })
      })
      after(() => adapter.stop())

      async function open(path: string, options: Parameters<Browser['newContext']>[0] = {}): Promise<Page> {
        const context = await browser.newContext({
          ...{ httpCredentials: OPERATOR, ignoreHTTPSErrors: true, javaScriptEnabled: false },
          ...options,
        })
        const page = await context.newPage()
        page.on('console', (message) => {
          // Tests ask for what is refused.
          if (!/status of (422|404|405)/.test(message.text())) problems.push(`${path}: ${message.text()}`)
        })
        await page.goto(`https://localhost:${adapter.running.adminPort}${path}`)
        return page
      }
      /** What axe finds on a page at two widths, and whether it is wider than the window. */
      async function violations(name: string, path: string): Promise<string[]> {
        const page = await open(path, { bypassCSP: true, javaScriptEnabled: true })
        const found = await problemsAt(page, [390, 1280], (width) => `operator-many-${name}-${width}`)
        await page.context().close()
        return Object.entries(found).flatMap(([width, each]) => each.map((problem) => `${width}: ${problem}`))
      }
      const caption = async (page: Page) => (await page.locator('caption').textContent())?.trim()

      it('are counted, paged, filtered and found by the beginning of an id', async () => {
        const page = await open('/submissions')
        const all = await caption(page)
        await page.getByRole('link', { name: 'Next' }).click()
        const second = await caption(page)
        await page.getByLabel('State').selectOption({ label: 'Dead letter' })
        await page.getByLabel('Code').fill('ERR_ANSWERS_INVALID')
        await page.getByText('More filters').click()
        await page.getByLabel('Reason, or a part of it').fill(REASONS[1] as string)
        await page.getByRole('button', { name: 'Search' }).click()
        const some = await caption(page)
        const id = (await page.locator('.operator-id').first().textContent()) ?? ''
        const isOpen = await page.getByLabel('Reason, or a part of it').isVisible()
        await page.goto(`https://localhost:${adapter.running.adminPort}/submissions`)
        await page.getByLabel('Submission ID').fill(id.slice(0, 12))
        await page.getByRole('button', { name: 'Search' }).click()
        const one = await caption(page)
        await page.getByRole('link', { name: id }).click()
        const next = await page.getByText('A redrive starts it with all its retries').count()
        await page.context().close()

        expect(all).to.equal('2,000 submissions, newest first. Page 1 of 40')
        expect(second).to.equal('2,000 submissions, newest first. Page 2 of 40')
        expect([some, isOpen]).to.deep.equal(['400 submissions, newest first. Page 1 of 8', true])
        expect(one).to.equal('1 submission')
        // The form is of no adapter here, which is said instead.
        expect(next).to.equal(0)
      })

      it('are grouped by reason, and each reason leads to its own', async () => {
        const page = await open('/dead-letters')
        await page.getByRole('link', { name: '700 submissions with this reason' }).click()
        const found = await caption(page)
        await page.context().close()

        expect(found).to.equal('700 submissions, newest first. Page 1 of 14')
      })

      it('are said not to be chosen where none is', async () => {
        const page = await open('/submissions?state=dead')
        await page.getByRole('button', { name: 'Redrive chosen' }).click()
        const heading = await page.getByText('Choose at least one submission first: tick the box beside it.').count()
        await page.getByRole('link', { name: 'Go back to the list' }).click()
        const back = new URL(page.url())
        await page.context().close()

        expect([heading, back.pathname, back.search]).to.deep.equal([1, '/submissions', '?state=dead'])
      })

      it('are exported whole', async () => {
        const page = await open('/submissions')
        const [download] = await Promise.all([
          page.waitForEvent('download'),
          page.getByRole('link', { name: 'CSV' }).click(),
        ])
        const lines = readFileSync(await download.path(), 'utf8')
          .trimEnd()
          .split('\r\n')
        await page.context().close()

        expect(download.suggestedFilename()).to.match(/^submissions-.*\.csv$/)
        expect(lines).to.have.length(ALL + 1)
      })

      // The pages are the same on each store.
      for (const [name, path] of kind === 'SQLite' ? PAGES : [])
        it(`have no axe violation and no sideways scroll at 390 and at 1280 pixels: ${name}`, async () => {
          expect(await violations(name, path)).to.deep.equal([])
        })

      it('show of one what was tried and what is next, its files, its trace and its log, with advice that is true', async () => {
        const { store } = adapter.running
        const file = { id: crypto.randomUUID(), bytes: 2_100_032, plaintextBytes: 2_100_000, sha256: 'ab' }
        const lost = { missing: 'ERR_ATTACHMENT_STATUS', message: 'attachments[1]: the answer is 403' } as const
        const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`
        const submissionId = crypto.randomUUID()
        const shared = { form: 'complaint', submissionId, serviceSlug: 'x', jwe: 'a..b.c.d', files: [file, lost] }
        await store.accept([{ ...shared, traceparent }])
        const [entry] = await store.list({ id: submissionId }, { limit: 1, offset: 0 })
        const path = `/submission?id=${entry?.id}`
        const found = kind === 'SQLite' ? await violations('submission', path) : []
        const page = await open(path)
        const files = await page.locator('ol.govuk-list--number li').allTextContents()
        const next = await page.getByText('No attempt has started yet. Nothing happens by itself.').textContent()
        const advice = await page.getByText('What to do:').locator('..').textContent()
        const links = await Promise.all(
          ['Trace', 'Log'].map((name) => page.getByRole('link', { name }).getAttribute('href')),
        )
        await page.context().close()
        await store.discard([{ id: entry?.id ?? '', revision: entry?.revision ?? 0 }], 'test', 'over')

        expect(found).to.deep.equal([])
        expect(files[0]).to.match(/^2\.1 MB, captured \d/)
        expect(files[1]).to.equal('Missing: ERR_ATTACHMENT_STATUS')
        expect(next).to.contain('The case is made without the file that is missing.')
        expect(advice).to.contain('Ask the sender to deliver the submission again').and.not.contain('ExternalId')
        expect(links).to.deep.equal([
          `https://trace.example/${'ab'.repeat(16)}`,
          `https://logs.example/?q=${submissionId}`,
        ])
      })

      it('are cards on a phone, with the state first', async () => {
        const page = await open('/submissions?state=dead', { viewport: { width: 390, height: 844 } })
        const card = page.locator('tbody tr').first()
        const top = async (selector: string) => (await card.locator(selector).first().boundingBox())?.y ?? 0
        const tops = [await top('.govuk-tag'), await top('.operator-code'), await top('.operator-id')]
        const box = await card.boundingBox()
        await card.getByRole('checkbox').check()
        const isTicked = await card.getByRole('checkbox').isChecked()
        await page.context().close()

        expect(tops).to.deep.equal(tops.toSorted((a, b) => a - b))
        expect(new Set(tops).size).to.equal(3)
        expect(box?.width).to.be.within(300, 390)
        expect(isTicked).to.equal(true)
      })

      it('are redriven all at once, with their number, and the banner is shown once', async () => {
        const page = await open('/submissions?state=dead')
        await page.getByRole('button', { name: 'Redrive all 1,203' }).click()
        const [heading, leftOut] = [
          await page.getByRole('heading', { name: 'Redrive 1,103 submissions' }).count(),
          await page.getByText('100 are left out: uncertain, a case may exist').count(),
        ]
        const before = await adapter.running.store.count({ state: 'dead' })
        await page.getByLabel('Reason').fill('the schema is repaired')
        await page.getByRole('button', { name: 'Redrive 1,103 submissions' }).click()
        await page.waitForURL(/\/submissions\?state=dead$/)
        const banner = await page.getByRole('alert').textContent()
        await page.reload()
        const again = await page.getByRole('alert').count()
        const after = await adapter.running.store.count({ state: 'dead' })
        await page.context().close()

        expect([heading, leftOut, before]).to.deep.equal([1, 1, DEAD])
        expect(banner).to.contain('1,103 submissions were redriven')
        expect([again, after]).to.deep.equal([0, 100])
      })

      it('are loaded again by themselves where a page is told to, with nothing to tick, and without it not', async () => {
        const resting = await open('/submissions?state=dead')
        let rested = 0
        resting.on('load', () => {
          rested += 1
        })
        await resting
          .getByRole('checkbox', { name: /^Choose/ })
          .first()
          .check()
        const boxes = await refreshing.getByRole('checkbox', { name: /^Choose/ }).count()
        if (loads === 0) await refreshing.waitForEvent('load')
        const isTicked = await resting
          .getByRole('checkbox', { name: /^Choose/ })
          .first()
          .isChecked()
        await refreshing.context().close()
        await resting.context().close()

        expect(loads).to.be.above(0)
        expect([boxes, rested, isTicked]).to.deep.equal([0, 0, true])
      })

      it('log nothing to the console', () => expect(problems).to.deep.equal([]))
    })
  }
})
