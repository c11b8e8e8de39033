import { expect } from 'chai'
import type { TestAdapter } from '../../../src/testing/index.ts'
import { startOperatedAdapter, submit } from './adapter.ts'
import { ask, followed, formAt, formOf, noticeOf, SIGNED_IN } from './ask.ts'

describe("pausing a form on the operator's page", () => {
  let adapter: TestAdapter
  before(async () => {
    adapter = await startOperatedAdapter()
  })
  after(() => adapter.stop())
  afterEach(() => adapter.running.store.resume('complaint', 'operator', null))

  const decide = async (action: string, fields: Record<string, string>, form = 'complaint') => {
    const { body, cookie } = await formAt(adapter, `/pause?action=${action}&form=${form}`)
    for (const [name, value] of Object.entries(fields)) body.set(name, value)
    return await ask(adapter, '/pause', { ...SIGNED_IN, Cookie: cookie }, body)
  }
  const pausedOf = async () => (await adapter.running.store.forms()).map(({ name, paused }) => [name, paused?.reason])
  const UNPAUSED = [
    ['complaint', undefined],
    ['enquiry', undefined],
  ]

  it('asks for a reason, records who, and stops the attempts until it is resumed', async () => {
    const listed = await ask(adapter, '/forms')
    const posted = await decide('pause', { reason: 'the case system is being moved' })
    const shown = await followed(adapter, posted)
    const submissionId = crypto.randomUUID()
    const sent = await adapter.send('/v2/complaint', { submissionId })
    await submit(adapter, undefined, '/v2/enquiry')
    const during = await adapter.running.ledger.show(submissionId)
    const resumed = await decide('resume', {})
    const ended = await adapter.ended(submissionId)
    const actions = (await ask(adapter, '/actions')).text.replaceAll(/\s+/g, ' ')

    expect(listed.text).to.contain('href="/pause?action=pause&amp;form=complaint"')
    expect([posted.status, posted.headers.location]).to.deep.equal([303, '/forms'])
    expect(noticeOf(posted)).to.deep.equal({ done: 'paused', form: 'complaint' })
    expect(shown.text).to.contain('complaint was paused.')
    expect(shown.text).to.contain('href="/pause?action=resume&amp;form=complaint"')
    expect([sent.status, during.state, during.attempts]).to.deep.equal([201, 'waiting', 0])
    expect(noticeOf(resumed)).to.deep.equal({ done: 'resumed', form: 'complaint' })
    expect(ended.state).to.equal('delivered')
    expect(actions).to.match(
      /<strong>Paused<\/strong><\/td> <td[^>]*>[^/]*<\/time><\/td> <td[^>]*>operator<\/td> <td[^>]*>The whole form<\/td> <td[^>]*>complaint</,
    )
    expect(actions).to.match(/<strong>Resumed<\/strong>/)
  })

  it('is shown on every page, escaped, until it is resumed', async () => {
    const submissionId = await submit(adapter, 'reject')
    const { id } = await adapter.running.ledger.show(submissionId)
    const paths = ['/', '/submissions', `/submission?id=${id}`, '/dead-letters', '/actions', '/forms']
    const pages = [...paths, `/decide?action=redrive&id=${id}`, '/pause?action=resume&form=complaint', '/no-such-page']
    const said = async () =>
      await Promise.all(
        pages.map(async (path) => (await ask(adapter, path)).text.includes('aria-label="Paused forms"')),
      )
    const before = await said()
    await adapter.running.store.pause('complaint', 'ada <b>', '<script>alert(1)</script>')
    const during = await said()
    const { text } = await ask(adapter, '/submissions')
    await adapter.running.store.resume('complaint', 'ada', null)

    expect(before).to.deep.equal(pages.map(() => false))
    expect(during).to.deep.equal(pages.map(() => true))
    expect(text).to.contain('by ada &lt;b&gt;: &lt;script&gt;alert(1)&lt;/script&gt;')
    expect(text).not.to.contain('<script>')
    expect(await said()).to.deep.equal(before)
  })

  it('is said where its submissions are redriven or retried now, and not where they are discarded', async () => {
    const dead = (await adapter.running.ledger.show(await submit(adapter, 'reject'))).id
    const waiting = (await adapter.running.ledger.show(await submit(adapter, 'later'))).id
    await adapter.running.store.pause('complaint', 'ada', 'moved')
    const asked = async (action: string, id: string) =>
      (await ask(adapter, `/decide?action=${action}&id=${id}`)).text.includes(
        'complaint is paused: no attempt starts until it is resumed',
      )

    expect(await asked('redrive', dead)).to.equal(true)
    expect(await asked('retry-now', waiting)).to.equal(true)
    expect(await asked('discard', dead)).to.equal(false)
    const { body, cookie } = await formOf(adapter, dead, SIGNED_IN, 'redrive')
    const { status } = await ask(adapter, '/decide', { ...SIGNED_IN, Cookie: cookie }, body)
    expect([status, (await adapter.running.ledger.show(dead)).state]).to.deep.equal([303, 'waiting'])
    await adapter.running.store.resume('complaint', 'ada', null)
    expect(await asked('retry-now', waiting)).to.equal(false)
  })

  for (const [what, fields] of [
    ['without a reason', {}],
    ['with a reason of white space', { reason: ' \n ' }],
    ['with a reason that is too long', { reason: 'x'.repeat(501) }],
  ] as const) {
    it(`asks again ${what}, and changes nothing`, async () => {
      const { status, text } = await decide('pause', fields)

      expect(status).to.equal(422)
      expect(text).to.contain('There is a problem')
      expect(await pausedOf()).to.deep.equal(UNPAUSED)
    })
  }

  it('refuses a form that is not from this page', async () => {
    const { body } = await formAt(adapter, '/pause?action=pause&form=complaint')
    body.set('reason', 'moved')
    const { status } = await ask(adapter, '/pause', SIGNED_IN, body)

    expect([status, await pausedOf()]).to.deep.equal([403, UNPAUSED])
  })

  it('does not pause what another person has paused, and says who did', async () => {
    const first = formAt(adapter, '/pause?action=pause&form=complaint')
    const { body, cookie } = await first
    await adapter.running.store.pause('complaint', 'ada', 'first')
    body.set('reason', 'second')
    const { status, text } = await ask(adapter, '/pause', { ...SIGNED_IN, Cookie: cookie }, body)

    expect(status).to.equal(409)
    expect(text).to.contain('The form is paused already, by ada')
    expect(await pausedOf()).to.deep.include(['complaint', 'first'])
  })

  for (const path of [
    '/pause',
    '/pause?action=pause',
    '/pause?action=pause&form=nobody',
    '/pause?action=x&form=complaint',
  ]) {
    it(`has no page ${path}`, async () => {
      expect((await ask(adapter, path)).status).to.equal(404)
    })
  }

  it('does nothing for a form that is gone', async () => {
    const unknown = await decide('pause', { form: 'nobody', reason: 'x' })
    const other = await decide('pause', { action: 'stop', reason: 'x' })

    expect([unknown.status, other.status, await pausedOf()]).to.deep.equal([404, 422, UNPAUSED])
  })
})
