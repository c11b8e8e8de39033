import { expect } from 'chai'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import type { Claim } from '../../../../src/store/claim.ts'
import type { TestAdapter } from '../../../../src/testing/index.ts'
import { OPERATOR, startOperatedAdapter, submit } from '../../../operator/page/adapter.ts'
import { keepPicture, problemsAt, startBrowser } from '../../../operator/page/browser.ts'
import { dead as deadLetter, incoming } from '../../../submissions.ts'
import { until } from '../../../until.ts'

const WIDTHS = [320, 390, 768, 1280] as const

describe("the operator's page in a browser", () => {
  let adapter: TestAdapter
  let browser: Browser
  let dead: string
  const problems: string[] = []

  before(async () => {
    ;[adapter, browser] = await Promise.all([startOperatedAdapter(), startBrowser()])
    for (const fails of ['reject', 'unknown', 'uncertain', 'later', undefined]) await submit(adapter, fails)
    dead = await submit(adapter, 'reject')
  })
  after(async () => {
    await browser.close()
    await adapter.stop()
  })

  async function open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ httpCredentials: OPERATOR, ignoreHTTPSErrors: true, ...options })
    const page = await context.newPage()
    page.on('console', (message) => {
      // Tests send a form without a reason, or an old one, and one loads no font.
      const isMeant = /status of (422|404)/.test(message.text()) || /\.woff2?$/.test(message.location().url)
      if (!isMeant) problems.push(`${path}: ${message.text()}`)
    })
    await page.goto(`https://localhost:${adapter.running.adminPort}${path}`)
    return page
  }

  const pages = () =>
    ({
      overview: '/',
      submissions: '/submissions',
      'submissions-nothing': '/submissions?id=none',
      submission: `/submission?id=${dead}`,
      'dead-letters': '/dead-letters?done=redriven&count=2',
      decide: '/decide?action=discard&form=complaint&code=ERR_CASEWORK_TEAM',
      actions: '/actions',
      'no-page': '/nothing',
    }) as const

  /** What is wrong with each page, by width. Each is loaded once for all tests: a window that changes its width lays it out again. */
  let measured: Promise<Record<(typeof WIDTHS)[number], string[]>[]> | undefined
  const measure = async () => {
    const page = await open('/', { bypassCSP: true })
    const found: Record<(typeof WIDTHS)[number], string[]>[] = []
    for (const [name, path] of Object.entries(pages())) {
      await page.goto(`https://localhost:${adapter.running.adminPort}${path}`)
      if (name === 'overview') await page.locator('summary').click()
      const problems = await problemsAt(page, WIDTHS, (width) => `operator-${name}-${width}`)
      for (const width of WIDTHS) problems[width] = problems[width].map((problem) => `${name}: ${problem}`)
      found.push(problems)
    }
    await page.context().close()
    return found
  }

  for (const width of WIDTHS) {
    it(`has no axe violation and no sideways scroll at ${width} pixels`, async () => {
      measured ??= measure()
      const found = await measured

      expect(found).to.have.length(8)
      expect(found.flatMap((problems) => problems[width])).to.deep.equal([])
    })
  }

  it('shows the last 24 hours as text and as a table', async () => {
    const page = await open('/')

    const chart = await page.getByRole('img', { name: /Accepted by hour/ }).getAttribute('role')
    const name = await page.locator('#chart-accepted-text').textContent()
    await page.locator('summary').click()
    // The current hour and the one before: the submissions may have been sent just before the hour changed.
    const accepted = await page.locator('details tbody tr td:nth-of-type(1)').allTextContents()
    await page.context().close()

    expect(chart).to.equal('img')
    expect(name).to.match(
      /^Accepted by hour: 6 in 24 hours\. The busiest hour had [3-6], from \d\d:00\. The scale goes from 0 to (4|10)$/,
    )
    expect(Number(accepted[0]) + Number(accepted[1])).to.equal(6)
  })

  for (const [how, options] of [
    ['with JavaScript', {}],
    ['with JavaScript off', { javaScriptEnabled: false }],
  ] as const) {
    it(`redrives by keyboard only, ${how}`, async () => {
      const submissionId = await submit(adapter, 'unknown')
      const page = await open(`/submissions?id=${submissionId}`, options)

      await press(page, `Choose ${submissionId}`, 'Space')
      await press(page, 'Redrive chosen', 'Enter')
      await page.waitForURL(/\/decide/)
      await focus(page, 'Reason')
      await page.keyboard.type('the cause is gone')
      await press(page, 'Redrive 1 submission', 'Enter')
      await page.waitForURL(/\/submissions\?id=/)
      const banner = await page.getByRole('alert').textContent()
      await page.context().close()
      const entry = await adapter.ended(submissionId)

      expect(banner).to.contain('1 submission was redriven')
      expect(entry.state).to.equal('delivered')
    })
  }

  it('shows the line, the cause and the status of a bug, and none of its words', async () => {
    await using own = await startOperatedAdapter({ RETRY_LIMIT: '0' })
    const submissionId = await submit(own, 'bug')
    const page = await open('/')

    await page.goto(`https://localhost:${own.running.adminPort}/submission?id=${submissionId}`)
    const reason = await page.locator('.govuk-summary-list__row', { hasText: /^\s*Reason/ }).textContent()
    const moments = await page.locator('.operator-timeline').textContent()
    const text = await page.locator('body').textContent()
    await keepPicture(page, 'operator-submission-bug')
    await page.context().close()

    for (const seen of [reason, moments])
      expect(seen).to.match(
        /threw TypeError, at \S*test\/operator\/page\/adapter\.ts:\d+.*; caused by Error ECONNREFUSED, HTTP 503, at \S*test\//,
      )
    expect(text)
      .to.contain('Before you discard')
      .and.not.to.match(/no case|Citizen|no team/i)
  })

  it('asks a second time before uncertain ones of a group are included, and names how many', async () => {
    const chosen = [await submit(adapter, 'uncertain'), await submit(adapter, 'uncertain')]
    const page = await open('/dead-letters')

    await page.getByRole('button', { name: 'Redrive all with ERR_CASEWORK_TIMEOUT in complaint' }).click()
    const leftOut = await page.getByText(/are left out: uncertain, a case may exist/).count()
    await page.getByLabel('Include the uncertain ones').check()
    await page.getByLabel('Reason').fill('searched, and not there')
    await page.getByRole('button', { name: 'Continue' }).click()
    const warning = await page.getByText(/\d cases may be doubled/).textContent()
    const before = await adapter.running.ledger.show(chosen[0] as string)
    await keepPicture(page, 'operator-decide-second')
    await page.getByRole('button', { name: /^Redrive \d submissions$/ }).click()
    await page.waitForURL(/\/dead-letters/)
    const banner = await page.getByRole('alert').textContent()
    await page.context().close()

    expect([leftOut, before.state]).to.deep.equal([1, 'dead'])
    expect(warning).to.match(/[23] cases may be doubled/)
    expect(banner).to.match(/[23] submissions were redriven\. .*not asked about uncertain ones before/)
  })

  it('touches nothing that has changed since an old page was loaded', async () => {
    const submissionId = await submit(adapter, 'reject')
    const page = await open(`/submissions?id=${submissionId}`)
    await page.getByLabel(`Choose ${submissionId}`).check()
    await adapter.send('/v2/complaint', { submissionId, submissionAnswers: { fails: 'doubt' } })
    await until(async () => (await adapter.running.ledger.show(submissionId)).uncertain)

    await page.getByRole('button', { name: 'Redrive chosen' }).click()
    const text = await page.getByText('have changed since they were shown').count()
    await page.context().close()

    expect(text).to.equal(1)
    expect(await adapter.running.ledger.show(submissionId)).to.include({ state: 'dead', attempts: 2 })
  })

  it('retries now what waits', async () => {
    const submissionId = await submit(adapter, 'later')
    const page = await open(`/submissions?id=${submissionId}`)

    await page.getByRole('link', { name: submissionId }).click()
    await page.getByRole('button', { name: 'Retry now' }).click()
    await page.getByRole('button', { name: 'Retry 1 submission now' }).click()
    const banner = await page.getByRole('alert').textContent()
    await page.context().close()

    expect(banner).to.contain('1 submission was made due now')
  })

  it('reports a missing reason in the summary and beside its field', async () => {
    const page = await open('/dead-letters', { javaScriptEnabled: false })

    await page.getByRole('button', { name: 'Discard all with ERR_CASEWORK_TEAM in complaint' }).click()
    await page.getByRole('button', { name: /^Discard \d submissions?$/ }).click()
    await page.getByRole('link', { name: 'Enter a reason' }).waitFor()
    const title = await page.title()
    await page.getByRole('link', { name: 'Enter a reason' }).click()
    const described = await page.getByLabel('Reason').getAttribute('aria-describedby')
    await keepPicture(page, 'operator-decide-problem')
    await page.context().close()

    expect(title).to.match(/^Error: Discard \d submissions?/)
    expect(described).to.contain('reason-error')
  })

  it('breaks a name that is longer than a phone is wide', async () => {
    const { store } = adapter.running
    // No process has this form, so that nobody else claims it.
    await store.accept([incoming({ form: 'renamed' })])
    const claim = [{ form: 'renamed', most: 1, suspects: 0 }]
    const [held] = await store.turn({ settle: [], claim, leaseSeconds: 30 })
    const reason = `${'courtortribunalyourcomplaintisabout'.repeat(2)}_autocomplete_1 is missing`
    const ending = deadLetter({ code: 'ERR_ANSWERS_INVALID', reason })
    await store.turn({ settle: [{ claim: held as Claim, ending }], claim: [], leaseSeconds: 30 })
    const page = await open('/dead-letters', { viewport: { width: 320, height: 900 } })
    // Until its font is there, and where it never comes, the page has a wider one.
    await page.route('**/*.woff*', (route) => route.abort())
    const widths: unknown[] = []
    for (const path of ['/dead-letters', `/submission?id=${held?.submissionId}`, '/submissions?state=dead']) {
      await page.goto(`https://localhost:${adapter.running.adminPort}${path}`)
      const isShown = (await page.content()).includes('courtortribunal')
      widths.push([isShown, await page.evaluate('document.documentElement.scrollWidth')])
    }
    await page.context().close()
    await adapter.running.ledger.discard({ form: 'renamed', code: 'ERR_ANSWERS_INVALID' }, 'ada', 'a test')

    expect(widths.slice(0, 2)).to.deep.equal([
      [true, 320],
      [true, 320],
    ])
    expect(widths[2]).to.have.property('1', 320)
  })

  it('logs nothing to the console of the browser: no style or script is blocked', () => {
    expect(problems).to.deep.equal([])
  })
})

/** Presses Tab until the element with this name has the focus, like a person without a mouse. */
async function focus(page: Page, name: string): Promise<void> {
  const wanted = page
    .getByLabel(name, { exact: true })
    .or(page.getByRole('button', { name, exact: true }))
    .first()
  await wanted.waitFor()
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab')
    if (await page.locator(':focus').and(wanted).count()) return
  }
  throw new Error(`${name} cannot be reached with the keyboard`)
}

async function press(page: Page, name: string, key: string): Promise<void> {
  await focus(page, name)
  await page.keyboard.press(key)
}
