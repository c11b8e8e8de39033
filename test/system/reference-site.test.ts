/** The site of the reference: every public name with an example, the tables, and a search that finds them. */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { readExamples } from '../../docs/reference/examples.ts'
import { startBrowser } from '../../packages/adapter-sdk/test/operator/page/browser.ts'

const ROOT = resolve(import.meta.dirname, '../..')

describe('the site of the reference', () => {
  let site: string
  let printed: readonly unknown[]

  before(function () {
    this.timeout(600_000)
    site = mkdtempSync(join(tmpdir(), 'reference-site-'))
    const typedoc = join(ROOT, 'docs/reference/node_modules/typedoc/dist/cli.js')
    const { status, stdout, stderr } = spawnSync(process.execPath, [typedoc, '--out', site, '--logLevel', 'Warn'], {
      cwd: join(ROOT, 'docs/reference'),
      encoding: 'utf8',
    })
    printed = [status, stdout + stderr]
  })
  after(() => rmSync(site, { recursive: true, force: true }))

  const read = (page: string) => readFileSync(join(site, page), 'utf8')

  it('is made without a warning: every public name has a docstring and an example, and every example a public name', () => {
    expect(printed).to.deep.equal([0, ''])
  })

  it('shows an example of every public name', () => {
    const pages = globSync('{classes,functions,interfaces,types,variables}/*.html', { cwd: site })

    expect(pages.length).to.be.at.least(new Set(readExamples().flatMap(({ names }) => names)).size)
    expect(pages.filter((page) => !read(page).includes('tsd-tag-example'))).to.deep.equal([])
  })

  for (const [page, ...texts] of [
    ['Configuration', 'JWE_SHARED_KEY', 'OPTICS_ENDPOINT', '<table>'],
    ['Errors', 'ERR_CONFIG_INVALID', 'ERR_STORE_UNAVAILABLE', '<table>'],
    ['Exit codes', 'gp-connect-verify-audit', '<table>'],
    ['Metrics', 'formbuilder_submissions_dead_total', '<table>'],
    ['Form', 'timeoutSeconds', 'aliases', 'advice', 'settleSeconds', 'repeatable', '<table>'],
    ['Context', 'previousReference', 'missingAttachments', 'acting', '<table>'],
    ['What a handler throws', 'RetryError', 'retryAfterSeconds', 'PermanentError', 'UncertainError', '<table>'],
    ['StartOptions', 'ownsProcess', 'attachmentAuthorities', 'AdapterOptions', '<table>'],
    ['Test kit', 'startTestAdapter', 'sendUntilAccepted', 'TestSubmission', 'Duration', '<table>'],
  ] as const) {
    it(`has the page ${page}, with all of it`, () => {
      const html = read(`documents/${page.replaceAll(' ', '_')}.html`)
      expect(texts.filter((text) => !html.includes(text))).to.deep.equal([])
    })
  }

  it('has no link that leads nowhere', () => {
    const dead = globSync('**/*.html', { cwd: site }).flatMap((page) =>
      [...read(page).matchAll(/ href="([^"#?:]+)(?:#[^"]*)?"/g)]
        .filter(([, link = '']) => !existsSync(resolve(site, dirname(page), decodeURI(link))))
        .map(([, link]) => `${page}: ${link}`),
    )

    expect(dead).to.deep.equal([])
  })

  it('finds what a reader looks for, in a browser', async function () {
    this.timeout(120_000)
    const browser = await startBrowser()
    try {
      const page = await browser.newPage()
      await page.goto(pathToFileURL(join(site, 'index.html')).href)
      // Every page has the search: each begins on the page that the one before it has found.
      for (const [words, found] of [
        ['RetryError', 'classes/_formbuilder_adapter-sdk.main.RetryError.html'],
        ['startTestAdapter', 'functions/_formbuilder_adapter-sdk.testing.startTestAdapter.html'],
        ['ERR_STORE_UNAVAILABLE', 'documents/Errors.html'],
        ['formbuilder_dead_letters', 'documents/Metrics.html'],
      ] as const) {
        await page.locator('#tsd-search-trigger').click()
        await page.locator('#tsd-search-input').fill(words)
        await page.locator(`#tsd-search-results a[href*="${found}"]`).first().click()
        await page.waitForURL((url) => url.pathname.endsWith(`/${found}`))
        expect(await page.textContent('body')).to.include(words)
      }
    } finally {
      await browser.close()
    }
  })
})
