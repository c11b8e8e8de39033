/** The overview, pausing and looking only in a real browser, with 2,000 submissions, on both stores. */
import { expect } from 'chai'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import type { TestAdapter } from '../../src/testing/index.ts'
import { OPERATOR, startOperatedAdapter, submit } from '../operator/page/adapter.ts'
import { problemsAt, startBrowser } from '../operator/page/browser.ts'
import { sharedPostgres } from '../shared-postgres.ts'
import { incoming } from '../submissions.ts'
import { until } from '../until.ts'

const COUNT = 2000
const READER = { username: 'visitor', password: 'a password to look' }

for (const kind of ['sqlite', 'postgres'] as const) {
  describe(`the operator's page with ${COUNT} submissions, on ${kind}`, () => {
    let adapter: TestAdapter
    let browser: Browser
    let operator: BrowserContext
    before(async () => {
      const place: Record<string, string> =
        kind === 'sqlite' ? {} : { DATABASE_URL: await (await sharedPostgres()).database() }
      const reader = { ADMIN_READER_USERNAME: READER.username, ADMIN_READER_PASSWORD: READER.password }
      ;[adapter, browser] = await Promise.all([startOperatedAdapter({ ...place, ...reader }), startBrowser()])
      operator = await context(OPERATOR)
      for (const fails of ['reject', 'later', 'later']) await submit(adapter, fails)
    })
    after(async () => {
      await browser.close()
      await adapter.stop()
    })

    const context = (httpCredentials: typeof OPERATOR) =>
      browser.newContext({ httpCredentials, ignoreHTTPSErrors: true, bypassCSP: true })
    const at = (path: string) => `https://localhost:${adapter.running.adminPort}${path}`
    const open = async (path: string, by = operator): Promise<Page> => {
      const page = await by.newPage()
      await page.goto(at(path))
      return page
    }
    /** A line of the overview: its mark and its text. */
    const lineOf = async (page: Page, what: string) => {
      const row = page.locator('.govuk-summary-list__row', { hasText: what })
      return [
        await row.locator('.operator-mark').textContent(),
        (await row.locator('.govuk-summary-list__value').textContent())?.replaceAll(/\s+/g, ' ').trim(),
      ]
    }
    const figure = async (page: Page, name: string) =>
      (
        await page
          .locator('.operator-figure', { has: page.getByText(name, { exact: true }) })
          .locator('dd')
          .textContent()
      )?.trim()
    /** What axe finds, and whether the page is wider than its window, at the widths of a desk and of a phone. */
    const problemsOf = async (page: Page, name: string) => {
      const found = await problemsAt(page, [1280, 390], (width) => `operator-2000-${name}-${width}-${kind}`)
      return Object.values(found).flatMap((each) => each.map((problem) => `${name}: ${problem}`))
    }

    it('pauses a form by its page: what comes in waits and is not late, every page says so, and resuming delivers all', async () => {
      const page = await open('/forms')
      await page.getByRole('link', { name: 'Pause complaint' }).click()
      await page.getByLabel('Reason').fill('the case system is being moved')
      const found = await problemsOf(page, 'pause')
      await page.setViewportSize({ width: 1280, height: 900 })
      await page.getByRole('button', { name: 'Pause complaint' }).click()
      await page.waitForURL(/\/forms$/)
      found.push(...(await problemsOf(page, 'forms-paused')))
      const banner = await page.getByRole('alert').textContent()
      const { jwe } = await adapter.compose({ submissionAnswers: {} })
      for (let i = 0; i < COUNT; i += 500) {
        await adapter.running.store.accept(Array.from({ length: 500 }, () => incoming({ jwe })))
      }
      await adapter.advance({ hours: 3 })
      await page.goto(at('/'))
      const during = [await figure(page, 'Waiting'), await lineOf(page, 'Case system for complaint')]
      const isLate = (await page.content()).includes('The oldest submission has been waiting')
      found.push(...(await problemsOf(page, 'overview-paused')))
      const said: boolean[] = []
      for (const path of ['/', '/submissions?state=waiting', '/dead-letters', '/forms', '/actions', '/nothing']) {
        await page.goto(at(path))
        said.push(await page.getByRole('region', { name: 'Paused forms' }).isVisible())
      }
      await page.goto(at('/forms'))
      await page.getByRole('link', { name: 'Resume complaint' }).click()
      await page.getByRole('button', { name: 'Resume complaint' }).click()
      await page.waitForURL(/\/forms$/)
      await until(async () => (await adapter.running.ledger.counts()).delivered >= COUNT)
      await page.goto(at('/actions'))
      const actions = (await page.locator('tbody tr').allTextContents()).map((text) => text.replaceAll(/\s+/g, ' '))
      await page.close()

      expect(found).to.deep.equal([])
      expect(banner).to.contain('complaint was paused.')
      expect(during[0]).to.equal('2,002')
      expect(during[1]?.[0]).to.equal('Paused')
      expect(isLate).to.equal(false)
      expect(said).to.deep.equal([true, true, true, true, true, true])
      expect(actions[0]).to.match(/^ ?Resumed .* operator The whole form complaint None ?$/)
      expect(actions[1]).to.match(/^ ?Paused .* operator The whole form complaint the case system is being moved ?$/)
    })

    it('says how things are, and shows three periods and each form in a chart and a table', async () => {
      await until(async () =>
        (await adapter.running.store.forms()).some(({ lastDeliveredAt }) => lastDeliveredAt !== null),
      )
      await submit(adapter)
      const page = await open('/')
      await until(async () => {
        await page.goto(at('/'))
        return (await lineOf(page, 'Case system for complaint'))[0] === 'Good'
      })
      const lines = [await lineOf(page, 'Store'), await lineOf(page, 'Processes')]
      const found = await problemsOf(page, 'overview')
      await page.setViewportSize({ width: 1280, height: 900 })
      const charts: unknown[] = []
      for (const [period, form] of [
        ['24 hours', 'All forms'],
        ['7 days', 'complaint'],
        ['28 days', 'enquiry'],
      ] as const) {
        await page.getByLabel('Period').selectOption(period)
        await page.getByRole('main').getByLabel('Form').selectOption(form)
        await page.getByRole('button', { name: 'Show' }).click()
        await page.waitForURL(/period=/)
        await page.locator('summary').click()
        const rows = await page.locator('details tbody tr td:nth-of-type(1)').allTextContents()
        const total = rows.reduce((sum, text) => sum + Number(text.replaceAll(',', '')), 0)
        charts.push([period, await page.locator('h2#chart').textContent(), rows.length, total])
        found.push(...(await problemsOf(page, `chart-${period.replace(' ', '-')}`)))
        await page.setViewportSize({ width: 1280, height: 900 })
      }
      await page.goto(at('/'))
      const failed = await figure(page, 'Failed before, waiting for a retry')
      await page.locator('.operator-figure', { hasText: 'Failed before' }).getByRole('link').click()
      const listed = await page.locator('tbody tr').count()
      await page.close()

      expect(found).to.deep.equal([])
      expect(lines[0]).to.deep.equal([
        'Good',
        `Good ${kind === 'sqlite' ? 'SQLite' : 'PostgreSQL'} answers, and can be written to`,
      ])
      expect(lines[1]?.[0]).to.equal('Good')
      expect(charts).to.deep.equal([
        ['24 hours', 'The last 24 hours', 24, COUNT + 4],
        ['7 days', 'complaint in the last 7 days', 28, COUNT + 4],
        ['28 days', 'enquiry in the last 28 days', 28, 0],
      ])
      expect(failed).to.equal(String(listed))
    })

    it('lets somebody look at every page, and act on none', async () => {
      const reader = await context(READER)
      const found: string[] = []
      const page = await open('/', reader)
      for (const [name, path] of Object.entries({
        overview: '/',
        submissions: '/submissions?received=any',
        dead: '/submissions?state=dead',
        'dead-letters': '/dead-letters',
        forms: '/forms',
        actions: '/actions',
      })) {
        await page.goto(at(path))
        found.push(...(await problemsOf(page, `reader-${name}`)))
        const offers = await page
          .locator('a[href^="/decide"], a[href^="/pause"], form[action="/decide"], form[method="post"]')
          .count()
        if (offers > 0) found.push(`${name} offers an action`)
      }
      await page.goto(at('/pause?action=pause&form=complaint'))
      const refused = await page.getByRole('heading', { level: 1 }).textContent()
      const posted = await page.evaluate(
        "fetch('/decide', { method: 'POST', body: new URLSearchParams({ action: 'discard' }) }).then(({ status }) => status)",
      )
      await reader.close()

      expect(found).to.deep.equal([])
      expect(refused).to.equal('Nothing was changed')
      expect(posted).to.equal(403)
    })
  })
}
