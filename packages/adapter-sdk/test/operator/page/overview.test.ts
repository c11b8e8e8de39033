import { expect } from 'chai'
import type { TestAdapter } from '../../../src/testing/index.ts'
import { until } from '../../until.ts'
import { startOperatedAdapter, submit } from './adapter.ts'
import { ask } from './ask.ts'

/** The lines of the overview: what, mark and text. */
function linesOf(html: string): string[][] {
  return [
    ...html.matchAll(
      /<dt class="govuk-summary-list__key">([\s\S]*?)<\/dt>\s*<dd class="govuk-summary-list__value">([\s\S]*?)<\/dd>/g,
    ),
  ].map(([, what = '', value = '']) => {
    const [, mark = '', text = ''] = /<strong[^>]*>([^<]*)<\/strong>([\s\S]*)/.exec(value) ?? []
    return [what, mark, text].map((each) => each.replaceAll(/\s+/g, ' ').trim())
  })
}

describe("the overview of the operator's page", () => {
  let adapter: TestAdapter
  before(async () => {
    adapter = await startOperatedAdapter()
  })
  after(() => adapter.stop())

  const lineOf = async (what: string) => linesOf((await ask(adapter, '/')).text).find(([each]) => each === what)
  const line = async (what: string, pattern: RegExp) => {
    await until(async () => pattern.test((await lineOf(what))?.join(': ') ?? ''))
  }

  it('has a line with a mark in a word for each thing', async () => {
    await line(
      'Processes',
      /: Good: 1 in the role all seen within the last minute; all of version @formbuilder\/adapter-sdk \d/,
    )
    const lines = linesOf((await ask(adapter, '/')).text)

    expect(lines.map(([what]) => what)).to.deep.equal([
      ...['Store', 'Receiver', 'Files', 'Case system for complaint', 'Case system for enquiry', 'Keys', 'Certificate'],
      ...['Processes', 'This process'],
    ])
    expect(lines.every(([, mark]) => ['Good', 'Attention', 'Problem', 'No news'].includes(mark ?? ''))).to.equal(true)
  })

  it('says how handing over goes, and how receiving does', async () => {
    await submit(adapter, undefined, '/v2/enquiry')
    await submit(adapter, 'reject')
    await submit(adapter, 'unknown')
    await adapter.request('POST', '/v2/enquiry', { body: 'not a JWE' })

    await line('Case system for enquiry', /: Good: Last delivered at /)
    await line(
      'Case system for complaint',
      /: Attention: 2 attempts in a row failed, the last at .+ with ERR_NOBODY_DESCRIBED; nothing was delivered yet$/,
    )
    await line(
      'Receiver',
      /: Attention: Last accepted at .+; 1 delivery refused in 24 hours: 1 enquiry ERR_JWE_INVALID$/,
    )
    await submit(adapter)
    await line('Case system for complaint', /: Good: Last delivered at /)
    await adapter.running.store.pause('complaint', 'ada', 'moved')
    await line('Case system for complaint', /: Paused: Since .+, by ada; last delivered at /)
    await adapter.running.store.resume('complaint', 'ada', null)
  })

  it('shows what processes of another start say, until they stop or are forgotten', async () => {
    const other = { id: crypto.randomUUID(), role: 'worker', version: 'other 2' }
    await adapter.running.store.checkIn(other, { ended: [], refused: [] })
    await line('Processes', /: Attention: 1 in the role all, 1 in the role worker seen .+ versions .+, other 2$/)
    await adapter.running.store.checkOut(other.id)
    await line('Processes', /: Good: 1 in the role all seen/)
  })

  it('counts what waits for a paused form apart: it is not the oldest that waits', async () => {
    const figures = async () => {
      const { text } = await ask(adapter, '/')
      return [...text.matchAll(/<dt class="govuk-body-s">([^<]*)<\/dt>\s*<dd[^>]*>(?:<a[^>]*>)?([^<]*)</g)].map(
        ([, name, value]) => [name, value],
      )
    }
    const before = await figures()
    await adapter.running.store.pause('complaint', 'ada', 'moved')
    await adapter.send('/v2/complaint')
    const during = await figures()
    await adapter.running.store.resume('complaint', 'ada', null)

    expect(before.map(([name]) => name)).not.to.include('Of these, of paused forms')
    expect(during).to.deep.include(['Of these, of paused forms', '1'])
    expect(during).to.deep.include(['Oldest submission waiting', 'None'])
    await until(async () => (await adapter.running.ledger.counts()).waiting === 0)
  })

  it('links what failed before to what it counts', async () => {
    await submit(adapter, 'later')
    await submit(adapter, 'later')
    const { text } = await ask(adapter, '/')
    const [, href = '', count] =
      /Failed before, waiting for a retry<\/dt>\s*<dd[^>]*><a[^>]* href="([^"]+)">(\d+)</.exec(text) ?? []
    const listed = (await ask(adapter, href.replaceAll('&amp;', '&'))).text

    expect(count).to.equal('2')
    expect(listed).to.contain('2 submissions, newest first')
    expect(listed).to.contain('<option value="yes" selected>Failed before</option>')
  })

  for (const [query, heading, caption] of [
    ['', 'The last 24 hours', 'Submissions by hour over the last 24 hours'],
    ['?period=7d', 'The last 7 days', 'Submissions by 6 hours over the last 7 days'],
    ['?period=28d&form=enquiry', 'enquiry in the last 28 days', 'Submissions by day over the last 28 days for enquiry'],
    ['?period=1y&form=%3Cb%3E', 'The last 24 hours', 'Submissions by hour over the last 24 hours'],
  ] as const) {
    it(`has a chart and a table of ${heading} for ${query || 'nothing'}`, async () => {
      const { status, text } = await ask(adapter, `/${query}`)
      const [, total] = /Accepted <strong>(\d+)</.exec(text) ?? []
      const rows = [...text.matchAll(/<time datetime="[^"]*">[^<]*<\/time><\/th>\s*<td[^>]*>(\d+)</g)]

      expect(status).to.equal(200)
      expect(text).to.contain(`<h2 class="govuk-heading-m" id="chart">${heading}</h2>`)
      expect(text).to.contain(`>${caption}</caption>`)
      expect(Number(total)).to.equal(rows.reduce((sum, [, count]) => sum + Number(count), 0))
      expect(Number(total)).to.be.above(0)
    })
  }

  it('is shown, with 503, while the store does not answer', async () => {
    const { store } = adapter.running
    const names = ['check', 'counts', 'forms', 'refusals', 'waitingForFiles', 'processes', 'hours', 'keyUses'] as const
    const broken = () => Promise.reject(new Error('password of the database'))
    for (const name of names) Object.assign(store, { [name]: broken })
    const { status, text } = await ask(adapter, '/')
    for (const name of names) delete (store as Partial<typeof store>)[name]
    const after = await ask(adapter, '/')

    expect(status).to.equal(503)
    expect(linesOf(text).map(([what, mark]) => [what, mark])).to.deep.equal([
      ['Store', 'Problem'],
      ['Certificate', 'Problem'],
      ['This process', 'Good'],
    ])
    expect(text).not.to.contain('All is well')
    expect(text).not.to.contain('password')
    expect(after.status).to.equal(200)
  })
})
