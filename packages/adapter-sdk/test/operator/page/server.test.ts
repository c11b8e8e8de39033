import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { loadConfig } from '../../../src/config.ts'
import { AdapterError } from '../../../src/errors.ts'
import type { TestAdapter } from '../../../src/testing/index.ts'
import { dead, incoming } from '../../submissions.ts'
import { until } from '../../until.ts'
import { OPERATOR, startOperatedAdapter, submit } from './adapter.ts'
import { ask, basic, followed, formOf, noticeOf, SIGNED_IN } from './ask.ts'

describe("the operator's page", () => {
  let adapter: TestAdapter
  before(async () => {
    adapter = await startOperatedAdapter()
  })
  after(() => adapter.stop())

  const idOf = async (submissionId: string) => (await adapter.running.ledger.show(submissionId)).id

  for (const [who, headers] of [
    ['a request without credentials', {}],
    ['a wrong password', basic('operator:wrong')],
    ['another user', basic(`admin:${OPERATOR.password}`)],
    ['a forwarded name, where no proxy is trusted', { 'X-Forwarded-Email': 'jane@justice.gov.uk' }],
  ] as const) {
    it(`shows nothing to ${who}`, async () => {
      for (const path of ['/', '/submissions', '/assets/operator.css', '/nothing']) {
        const answer = await ask(adapter, path, headers)

        expect([path, answer.status, answer.text]).to.deep.equal([path, 401, 'Access denied.\n'])
        expect(answer.headers['www-authenticate']).to.contain('Basic realm="Operator"')
      }
    })
  }

  it('forbids scripts, framing and other origins', async () => {
    const { headers, text } = await ask(adapter, '/')

    expect(headers['content-security-policy']).to.equal(
      "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    )
    expect(headers['x-frame-options']).to.equal('DENY')
    expect(headers['cache-control']).to.equal('no-store')
    expect(text).not.to.match(/<script|style=|onclick/i)
  })

  it('shows ids, states, codes and references, but no answers', async () => {
    const submissionId = await submit(adapter, 'reject')
    const delivered = await submit(adapter)

    const pages = await Promise.all(
      ['/', '/submissions', `/submission?id=${submissionId}`, `/submission?id=${delivered}`, '/dead-letters'].map(
        (path) => ask(adapter, path),
      ),
    )

    const text = pages.map((page) => page.text).join()
    expect(pages.map(({ status }) => status)).to.deep.equal([200, 200, 200, 200, 200])
    expect(text)
      .to.contain(submissionId)
      .and.contain('ERR_CASEWORK_TEAM')
      .and.contain(`CASE-${delivered.slice(0, 4)}`)
    expect(text).to.contain('Add the team to the case system, then redrive.')
    expect(text).not.to.match(/Jane|Citizen/)
  })

  it('says what is with its sender because its files cannot be fetched, by host and code, until it is not', async () => {
    await using alone = await startOperatedAdapter()
    const file = { filename: 'jane.txt', mimetype: 'text/plain', content: Buffer.from('words') }
    const ids = [crypto.randomUUID(), crypto.randomUUID()] as const
    const send = (submissionId: string, url?: string) => {
      const link = alone.fileStore.link(file)
      return alone.send('/v2/complaint', { submissionId, attachments: [{ ...link, url: url ?? link.url }] })
    }
    alone.fileStore.isDown = true
    await send(ids[0])
    const one = (await ask(alone, '/')).text
    await send(ids[1], 'https://jane.elsewhere.example/words?X-Amz-Signature=secret')
    const both = (await ask(alone, '/')).text
    alone.fileStore.isDown = false
    for (const id of ids) await send(id)
    for (const id of ids) await alone.ended(id)
    const none = (await ask(alone, '/')).text

    expect(one).to.match(
      /1 submission is with its sender because its files cannot be fetched, since \d+\s\w+\s\d{4}, \d\d:\d\d:\d\d/,
    )
    expect(both).to.match(/2 submissions are with their sender because their files cannot be fetched, since \d/)
    expect(both).to.contain(alone.fileStore.origin).and.contain('ERR_ATTACHMENT_STATUS').and.contain(ids[0])
    expect(both).to.contain('not in ATTACHMENT_HOSTS').and.contain('ERR_ATTACHMENT_REFUSED').and.contain(ids[1])
    expect(both).not.to.match(/All is well|elsewhere|secret|jane|words/)
    expect(none).to.contain('All is well').and.not.contain('cannot be fetched')
  })

  it('escapes every text that it shows', async () => {
    const submissionId = await submit(adapter, 'reject')
    const { body, cookie } = await formOf(adapter, await idOf(submissionId))
    body.set('reason', '<img src=x>')
    await ask(adapter, '/decide', { ...SIGNED_IN, Cookie: cookie }, body)

    const pages = await Promise.all(
      ['/actions', `/submission?id=${submissionId}`, `/submissions?id=${encodeURIComponent('<img src=x>')}`].map(
        (path) => ask(adapter, path),
      ),
    )

    for (const { text } of pages) expect(text).to.contain('&lt;img src=x&gt;').and.not.contain('<img')
  })

  it('finds submissions by id, state, form and code, or reports that there are none', async () => {
    const submissionId = await submit(adapter, 'unknown')
    const other = await submit(adapter, undefined, '/v2/enquiry')

    const byCode = await ask(adapter, '/submissions?code=ERR_NOBODY_DESCRIBED&state=dead')
    const byForm = await ask(adapter, '/submissions?form=enquiry')
    const byId = await ask(adapter, `/submissions?id=${other}`)
    const nothing = await ask(adapter, '/submissions?state=discarded&form=enquiry')

    expect(byCode.text).to.contain(submissionId).and.not.contain(other)
    expect(byForm.text).to.contain(other).and.not.contain(submissionId)
    expect(byId.text).to.contain(other).and.not.contain(submissionId)
    expect(nothing.text).to.contain('No submissions found')
  })

  for (const [path, status] of [
    ['/nothing', 404],
    ['/submission?id=none', 404],
    ['/submission', 404],
    ['/decide?action=erase&id=1', 404],
    ['/decide?action=redrive&form=none&code=X', 404],
    ['/decide?action=redrive', 422],
    ['/decide?action=redrive&form=%00&code=X', 422],
    ['/decide?action=redrive&all=', 422],
    ['/decide?action=redrive&all=1&of_attempts=many', 422],
    ['/decide?action=redrive&all=1&of_colour=red', 422],
    ['/decide?action=redrive&all=1&of_state=waiting', 404],
    ['/submissions?state=lost', 422],
    ['/submissions.csv?from=yesterday', 422],
  ] as const) {
    it(`answers ${path} with ${status} and a page`, async () => {
      const answer = await ask(adapter, path)

      expect(answer.status).to.equal(status)
      expect(answer.headers['content-type']).to.contain('text/html')
      expect(answer.text).to.match(/Go to the overview|There is a problem/)
    })
  }

  it('discards with a reason, and records who did it, when and why', async () => {
    const submissionId = await submit(adapter, 'reject')
    const { body, cookie } = await formOf(adapter, await idOf(submissionId))
    body.set('reason', 'made by hand: CASE-9')

    const answer = await ask(adapter, '/decide', { ...SIGNED_IN, Cookie: cookie }, body)
    const entry = await adapter.running.ledger.show(submissionId)
    const actions = await ask(adapter, '/actions')

    expect([answer.status, answer.headers['location']]).to.deep.equal([303, '/dead-letters'])
    expect(noticeOf(answer)).to.include({ done: 'discarded', count: 1 })
    expect(entry.state).to.equal('discarded')
    expect(entry.timeline.at(-1)).to.include({ what: 'discarded', by: 'operator', reason: 'made by hand: CASE-9' })
    expect(actions.text).to.contain(submissionId).and.contain('made by hand: CASE-9').and.contain('operator')
  })

  it('reports that another person has already decided', async () => {
    const submissionId = await submit(adapter, 'reject')
    const { body, cookie } = await formOf(adapter, await idOf(submissionId))
    body.set('reason', 'made by hand')
    await adapter.running.ledger.discard({ id: submissionId }, 'sam', 'made by hand')

    const { text } = await followed(adapter, await ask(adapter, '/decide', { ...SIGNED_IN, Cookie: cookie }, body))

    expect(text).to.contain('Nothing was discarded, because the submissions you chose are no longer dead letters')
    expect(text).not.to.contain('Success')
  })

  it('removes NUL from its input, because the store cannot keep it', async () => {
    const submissionId = await submit(adapter, 'reject')
    const { body, cookie } = await formOf(adapter, await idOf(submissionId))
    body.set('reason', 'made\0 by hand')

    const searched = await ask(adapter, '/submissions?form=%00complaint')
    const answer = await ask(adapter, '/decide', { ...SIGNED_IN, Cookie: cookie }, body)
    const { timeline } = await adapter.running.ledger.show(submissionId)

    expect([searched.status, answer.status]).to.deep.equal([200, 303])
    expect(searched.text).to.contain(submissionId)
    expect(timeline.at(-1)).to.include({ reason: 'made by hand' })
  })

  it('shows every action ever taken, in pages', async () => {
    const chosen = Array.from({ length: 101 }, () => crypto.randomUUID())
    for (const submissionId of chosen)
      await adapter.send('/v2/complaint', { submissionId, submissionAnswers: { fails: 'reject' } })
    await Promise.all(chosen.map((each) => adapter.ended(each)))
    await adapter.running.ledger.discard({ ids: await Promise.all(chosen.map(idOf)) }, 'sam', 'all of them')

    const pages = [await ask(adapter, '/actions'), await ask(adapter, '/actions?page=2')]

    const found = pages.map(({ text }) => chosen.filter((each) => text.includes(each)).length)
    expect(found).to.deep.equal([100, 1])
    expect(pages[0]?.text).to.contain('href="/actions?page=2"')
    expect(pages[1]?.text).to.contain('href="/actions?page=1"')
  })

  it('redrives several submissions at once, and only those that it showed', async () => {
    const chosen = [await submit(adapter, 'unknown'), await submit(adapter, 'unknown')]
    const ids = await Promise.all(chosen.map(idOf))
    const { body, cookie } = await formOf(adapter, ids.join('&id='))
    const later = await submit(adapter, 'unknown')
    body.set('action', 'redrive')
    body.set('reason', 'the cause is gone')

    const answer = await ask(adapter, '/decide', { ...SIGNED_IN, Cookie: cookie }, body)
    const entries = await Promise.all(chosen.map((id) => adapter.ended(id)))

    expect(noticeOf(answer)).to.include({ done: 'redriven', count: 2, changed: 0 })
    expect(entries.map(({ state }) => state)).to.deep.equal(['delivered', 'delivered'])
    expect((await adapter.running.ledger.show(later)).state).to.equal('dead')
  })

  it('leaves out what has changed since it was shown: a dead letter that has become uncertain', async () => {
    const submissionId = await submit(adapter, 'reject')
    const { body, cookie } = await formOf(adapter, await idOf(submissionId))
    body.set('action', 'redrive')
    body.set('reason', 'the cause is gone')
    // The sender repeats it, and its second attempt ends with an unknown outcome.
    const answer = await adapter.send('/v2/complaint', { submissionId, submissionAnswers: { fails: 'doubt' } })
    await until(async () => (await adapter.running.ledger.show(submissionId)).uncertain)

    const { text } = await followed(adapter, await ask(adapter, '/decide', { ...SIGNED_IN, Cookie: cookie }, body))

    expect(answer.status).to.equal(201)
    expect(text).to.contain('have changed since they were shown')
    expect(await adapter.running.ledger.show(submissionId)).to.include({ state: 'dead', uncertain: true })
  })

  it('leaves uncertain ones out of several, until a second confirmation that names how many', async () => {
    const [certain, doubtful] = [await submit(adapter, 'unknown'), await submit(adapter, 'uncertain')]
    const ids = [await idOf(certain), await idOf(doubtful)]
    const { body, cookie } = await formOf(adapter, ids.join('&id='))
    const post = async () => await ask(adapter, '/decide', { ...SIGNED_IN, Cookie: cookie }, body)
    body.set('action', 'redrive')
    body.set('reason', 'looked, and not there')
    body.set('include', 'uncertain')

    const second = await post()
    const still = await adapter.running.ledger.show(certain)
    body.set('doubtful', '1')
    const done = await post()

    expect([second.status, done.status, still.state]).to.deep.equal([200, 303, 'dead'])
    expect(second.text).to.contain('1 case may be doubled')
    expect(noticeOf(done)).to.include({ done: 'redriven', count: 2 })
    expect(noticeOf(done)['until']).to.match(/^20\d\d-.*Z$/)
  })

  describe('a group of more than a page lists', () => {
    /** Of a form that no worker has: they stay as they are made. */
    const form = 'archive'
    const die = async (count: number, ending: Parameters<typeof dead>[0] = {}) => {
      const { store } = adapter.running
      await store.accept(Array.from({ length: count }, () => incoming({ form })))
      const claims = await store.turn({ settle: [], claim: [{ form, most: count, suspects: 0 }], leaseSeconds: 30 })
      await store.turn({
        settle: claims.map((claim) => ({ claim, ending: dead(ending) })),
        claim: [],
        leaseSeconds: 30,
      })
    }
    const count = () => adapter.running.store.count({ form, state: 'dead' })
    const groupOf = (code: string, action: string) => formOf(adapter, `&form=${form}&code=${code}`, SIGNED_IN, action)

    it('is decided on whole, without what has changed since it was shown and what came later', async () => {
      for (const each of [500, 500, 203]) await die(each, { code: 'ERR_MANY' })
      const { text } = await ask(adapter, `/decide?action=discard&form=${form}&code=ERR_MANY`)
      const { body, cookie } = await groupOf('ERR_MANY', 'discard')
      body.set('reason', 'entered by hand')
      const { ledger, store } = adapter.running
      const [first] = await store.list({ form, state: 'dead' }, { limit: 1, offset: 0 })
      await new Promise((resolve) => setTimeout(resolve, 2))
      await ledger.redrive({ id: first?.id }, 'kim')
      const [claim] = await store.turn({ settle: [], claim: [{ form, most: 1, suspects: 0 }], leaseSeconds: 30 })
      if (claim === undefined) throw new Error('nothing was redriven')
      await store.turn({ settle: [{ claim, ending: dead({ code: 'ERR_MANY' }) }], claim: [], leaseSeconds: 30 })
      await die(1, { code: 'ERR_MANY' })

      const answer = await ask(adapter, '/decide', { ...SIGNED_IN, Cookie: cookie }, body)
      const shown = await followed(adapter, answer)

      expect(text).to.contain('Discard 1,203 submissions').and.contain('The first 1,000 of 1,203.')
      expect(body.getAll('id')).to.deep.equal([])
      expect([answer.status, answer.headers['location']]).to.deep.equal([303, '/dead-letters'])
      expect(noticeOf(answer)).to.include({ done: 'discarded', count: 1202, changed: 1, uncertain: 0, remaining: 0 })
      expect(shown.text).to.contain('1,202')
      expect(await count()).to.equal(2)
    })

    it('leaves uncertain ones out until a second confirmation, which is for those that were shown', async () => {
      await die(2, { code: 'ERR_SOME' })
      await die(3, { code: 'ERR_SOME', uncertain: true })
      const { body, cookie } = await groupOf('ERR_SOME', 'redrive')
      const post = async () => await ask(adapter, '/decide', { ...SIGNED_IN, Cookie: cookie }, body)
      body.set('reason', 'searched')
      body.set('include', 'uncertain')

      const second = await post()
      const before = await count()
      body.set('doubtful', '2')
      const wrong = await post()
      body.set('doubtful', '3')
      const done = await post()

      expect([second.status, wrong.status, done.status]).to.deep.equal([200, 200, 303])
      expect(second.text).to.contain('Redrive 5 submissions').and.contain('3 cases may be doubled')
      expect(noticeOf(done)).to.include({ done: 'redriven', count: 5 })
      expect(before - (await count())).to.equal(5)
    })

    it('does nothing where the form does not say what was shown', async () => {
      await die(1, { code: 'ERR_ONE' })
      const { body, cookie } = await groupOf('ERR_ONE', 'discard')
      body.set('reason', 'x')
      body.delete('until')

      const answer = await ask(adapter, '/decide', { ...SIGNED_IN, Cookie: cookie }, body)

      expect(answer.headers['location']).to.equal('/dead-letters')
      expect(noticeOf(answer)).to.include({ done: 'discarded', count: 0, changed: 1 })
    })
  })

  it('says at a discard what is erased and when', async () => {
    const id = await idOf(await submit(adapter, 'reject'))

    const { text } = await ask(adapter, `/decide?action=discard&id=${id}`)

    expect(text).to.contain('Answers and files are erased 7 days after the discard')
  })

  it('retries now what waits, on record', async () => {
    const submissionId = await submit(adapter, 'later')
    const id = await idOf(submissionId)
    const shown = await ask(adapter, `/submission?id=${id}`)
    const { body, cookie } = await formOf(adapter, id, SIGNED_IN, 'retry-now')

    const answer = await ask(adapter, '/decide', { ...SIGNED_IN, Cookie: cookie }, body)
    const { timeline } = await adapter.running.ledger.show(submissionId)

    expect(shown.text).to.contain('Retry now')
    expect(answer.headers['location']).to.equal('/submissions?state=waiting')
    expect(noticeOf(answer)).to.include({ done: 'made due now', count: 1 })
    expect(timeline.map(({ what }) => what)).to.include('retry now')
  })

  it('asks again and changes nothing if there is no reason', async () => {
    const submissionId = await submit(adapter, 'reject')
    const { body, cookie } = await formOf(adapter, await idOf(submissionId))
    body.set('reason', '   ')

    const answer = await ask(adapter, '/decide', { ...SIGNED_IN, Cookie: cookie }, body)

    expect(answer.status).to.equal(422)
    expect(answer.text).to.contain('There is a problem').and.contain('Enter a reason')
    expect((await adapter.running.ledger.show(submissionId)).state).to.equal('dead')
  })

  for (const [why, forge] of [
    ['without a token', (form: Form) => form.body.delete('token')],
    ['with a made-up token', (form: Form) => form.body.set('token', 'A'.repeat(43))],
    ['without the cookie', (form: Form) => form.headers.delete('Cookie')],
    ['with the cookie of another browser', (form: Form) => form.headers.set('Cookie', `__Host-form=${'B'.repeat(43)}`)],
    ['from another site', (form: Form) => form.headers.set('Sec-Fetch-Site', 'cross-site')],
    ['from a sister site', (form: Form) => form.headers.set('Sec-Fetch-Site', 'same-site')],
  ] as const) {
    it(`refuses a form sent ${why}`, async () => {
      const submissionId = await submit(adapter, 'reject')
      const { body, cookie } = await formOf(adapter, await idOf(submissionId))
      body.set('reason', 'forged')
      const headers = new Map(Object.entries({ ...SIGNED_IN, Cookie: cookie }))
      forge({ body, headers })

      const answer = await ask(adapter, '/decide', Object.fromEntries(headers), body)

      expect(answer.status).to.equal(403)
      expect((await adapter.running.ledger.show(submissionId)).state).to.equal('dead')
      expect(adapter.events.findLast(({ event }) => event === 'operator.refused')).to.deep.equal({
        event: 'operator.refused',
        why: 'csrf',
      })
    })
  }

  it('sets a cookie for this host only, over HTTPS only, hidden from scripts', async () => {
    const id = await idOf(await submit(adapter, 'reject'))

    const { headers } = await ask(adapter, `/decide?action=redrive&id=${id}`)

    expect(String(headers['set-cookie'])).to.match(
      /^__Host-form=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
    )
  })
})

interface Form {
  readonly body: URLSearchParams
  readonly headers: Map<string, string>
}

describe("the operator's page behind a proxy that signs users in", () => {
  const HEADER = { ADMIN_FORWARDED_USER_HEADER: 'X-Forwarded-Email', ADMIN_AUTH_USERNAME: '', ADMIN_AUTH_PASSWORD: '' }

  it('trusts the user name from a trusted address, and records it', async () => {
    await using adapter = await startOperatedAdapter({ ...HEADER, ADMIN_TRUSTED_PROXIES: '127.0.0.0/8' })
    const submissionId = await submit(adapter, 'reject')
    const signedIn = { 'X-Forwarded-Email': 'sam@justice.gov.uk' }
    const { id } = await adapter.running.ledger.show(submissionId)
    const { body, cookie } = await formOf(adapter, id, signedIn as never)
    body.set('reason', 'test')

    const stranger = await ask(adapter, '/', {})
    const markup = await ask(adapter, '/', { 'X-Forwarded-Email': '<b>sam</b>' })
    const another = await ask(adapter, '/decide', { 'X-Forwarded-Email': 'kim@justice.gov.uk', Cookie: cookie }, body)
    const own = await ask(adapter, '/decide', { ...signedIn, Cookie: cookie }, body)
    const { timeline } = await adapter.running.ledger.show(submissionId)

    expect([stranger.status, markup.status]).to.deep.equal([403, 403])
    expect(another.status, 'a form of another user').to.equal(403)
    expect(own.status).to.equal(303)
    expect(timeline.at(-1)?.by).to.equal('sam@justice.gov.uk')
  })

  describe('and names them as it likes', () => {
    let adapter: TestAdapter
    before(async () => {
      adapter = await startOperatedAdapter({ ...HEADER, ADMIN_TRUSTED_PROXIES: '127.0.0.0/8' })
    })
    after(() => adapter.stop())
    /** The name as bytes of UTF-8, as proxies send it: Node writes each character of a header as one byte. */
    const utf8 = (name: string) => Buffer.from(name).toString('latin1')

    for (const [sent, shown, why] of [
      ['auth0|12345', 'auth0|12345', 'as Auth0 names people'],
      ['google-oauth2|103547991597142817347', 'google-oauth2|103547991597142817347', 'the same'],
      ["sam.o'neill", 'sam.o&#39;neill', 'an apostrophe'],
      ['sam+test@justice.gov.uk', 'sam+test@justice.gov.uk', 'an e-mail address'],
      ['JUSTICE\\sam', 'JUSTICE&#92;sam', 'a Windows domain'],
      ['Sam Smith (Digital)', 'Sam Smith (Digital)', 'a full name'],
      ['CN=Sam Smith,OU=Digital,O=MoJ', 'CN=Sam Smith,OU=Digital,O=MoJ', 'a distinguished name'],
      ['https://idp.example/u/7?x=1', 'https://idp.example/u/7?x=1', 'an issuer and a subject'],
      ['sam:7/8#9%20~!*;$^`{}[]=', 'sam:7/8#9%20~!*;$^`{}[]=', 'any character that can be seen'],
      ['a'.repeat(256), 'a'.repeat(256), 'as long as an identifier of SAML may be'],
      [utf8('Siân Llŷr'), 'Siân Llŷr', 'letters of UTF-8, which Node reads byte by byte'],
      [utf8('张伟 🙂'), '张伟 🙂', 'the same'],
      ['Jos\u00e9', 'José', 'Latin-1, which is no UTF-8'],
    ] as const)
      it(`shows the page to ${JSON.stringify(sent.slice(0, 40))}: ${why}`, async () => {
        const { status, text } = await ask(adapter, '/', { 'X-Forwarded-Email': sent })

        expect(status).to.equal(200)
        expect(text).to.contain(shown)
      })

    for (const [sent, problem] of [
      [undefined, 'is missing or empty'],
      ['', 'is missing or empty'],
      ['a'.repeat(257), 'has 257 characters, and 256 are allowed'],
      ['<b>sam</b>', 'has < or >, as markup has'],
      [utf8('sam\u00a0'), 'begins or ends with white space'],
      [utf8('sam\u202egro'), 'has a character that cannot be seen, at position 4'],
      [utf8('sam\u200b'), 'has a character that cannot be seen, at position 4'],
      [utf8('s\u0085am'), 'has a character that cannot be seen, at position 2'],
      ['s\tam', 'has a character that cannot be seen, at position 2'],
      [['sam', 'kim'], 'is there more than once'],
    ] as const)
      it(`refuses ${JSON.stringify(sent)?.slice(0, 40) ?? 'no name'}, and logs what is wrong without the name`, async () => {
        const headers = sent === undefined ? {} : { 'X-Forwarded-Email': sent as string }

        const { status } = await ask(adapter, '/', headers)

        expect(status).to.equal(403)
        expect(adapter.events.findLast(({ event }) => event === 'operator.refused')).to.deep.equal({
          event: 'operator.refused',
          why: 'identity',
          detail: `the name in the header of ADMIN_FORWARDED_USER_HEADER ${problem}`,
        })
      })
  })

  it('does not trust the user name from any other address', async () => {
    await using adapter = await startOperatedAdapter({ ...HEADER, ADMIN_TRUSTED_PROXIES: '10.0.0.0/8' })

    const answer = await ask(adapter, '/', { 'X-Forwarded-Email': 'sam@justice.gov.uk' })

    expect(answer.status).to.equal(403)
    expect(adapter.events.findLast(({ event }) => event === 'operator.refused')).to.deep.equal({
      event: 'operator.refused',
      why: 'identity',
      detail: 'the request is not from one of ADMIN_TRUSTED_PROXIES',
    })
  })
})

describe("the operator's page behind a proxy that is wrong", () => {
  for (const [what, proxies, headers, code] of [
    ['an address of no trusted proxy', '10.0.0.0/8', { 'X-Forwarded-Proto': 'https' }, 'ERR_PROXY_UNTRUSTED'],
    ['no X-Forwarded-Proto', '127.0.0.1', {}, 'ERR_FORWARDED_PROTO_MISSING'],
  ] as const)
    it(`answers ${code} to ${what}, and names the setting in the event`, async () => {
      await using adapter = await startOperatedAdapter({
        TLS_CERT_FILE: '',
        TLS_KEY_FILE: '',
        TRUST_PROXY: '127.0.0.1',
        ADMIN_HOST: '0.0.0.0',
        ADMIN_TRUSTED_PROXIES: proxies,
      })

      const answer = await fetch(`http://127.0.0.1:${adapter.running.adminPort}/`, {
        headers: { ...SIGNED_IN, ...headers },
      })

      expect([answer.status, ((await answer.json()) as { code: string }).code]).to.deep.equal([421, code])
      expect(adapter.events.findLast(({ event }) => event === 'proxy.refused')).to.include({
        event: 'proxy.refused',
        code,
        setting: 'ADMIN_TRUSTED_PROXIES',
        address: '127.0.0.1',
      })
    })
})

describe("the operator's page on the loopback address", () => {
  it('uses plain HTTP if the adapter has no certificate, for a tunnel', async () => {
    await using adapter = await startOperatedAdapter({
      TLS_CERT_FILE: '',
      TLS_KEY_FILE: '',
      TRUST_PROXY: '127.0.0.1',
      DRAIN_SECONDS: '0',
    })
    const base = `http://127.0.0.1:${adapter.running.adminPort}`

    const page = await fetch(`${base}/dead-letters`, { headers: SIGNED_IN })
    const style = await fetch(`${base}/assets/govuk-frontend.css`, { headers: SIGNED_IN })
    const stranger = await fetch(base)

    expect([page.status, style.status, stranger.status]).to.deep.equal([200, 200, 401])
    expect(page.headers.get('keep-alive')).to.equal('timeout=75')
  })

  it('answers a client that closes its sending side, on both ports', async () => {
    await using adapter = await startOperatedAdapter({
      TLS_CERT_FILE: '',
      TLS_KEY_FILE: '',
      TRUST_PROXY: '127.0.0.1',
      DRAIN_SECONDS: '0',
    })

    const statuses = await Promise.all(
      [
        [adapter.running.adminPort, '/'],
        [adapter.running.port, '/health'],
      ].map(async ([port, path]) => {
        const socket = connect(Number(port), '127.0.0.1')
        socket.end(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
        return (await text(socket)).slice(0, 12)
      }),
    )

    expect(statuses).to.deep.equal(['HTTP/1.1 401', 'HTTP/1.1 200'])
  })
})

describe("settings of the operator's page", () => {
  const BASE = { JWE_SHARED_KEY: '0123456789abcdef', TRUST_PROXY: '10.0.0.0/8', ADMIN_PORT: '3001' }
  const SIGN_IN = { ADMIN_AUTH_USERNAME: 'operator', ADMIN_AUTH_PASSWORD: 'correct horse battery' }
  const READER = { ADMIN_READER_USERNAME: 'visitor', ADMIN_READER_PASSWORD: 'correct horse battery' }
  const FORWARDED = { ADMIN_FORWARDED_USER_HEADER: 'X-Forwarded-Email', ADMIN_TRUSTED_PROXIES: '10.0.0.1' }

  for (const [problem, environment] of [
    ['ADMIN_PORT needs ADMIN_AUTH_USERNAME', {}],
    ['ADMIN_AUTH_USERNAME and ADMIN_AUTH_PASSWORD must be set together', { ADMIN_AUTH_USERNAME: 'operator' }],
    ['ADMIN_AUTH_PASSWORD must have 12 characters', { ...SIGN_IN, ADMIN_AUTH_PASSWORD: 'short' }],
    ['ADMIN_FORWARDED_USER_HEADER needs ADMIN_TRUSTED_PROXIES', { ADMIN_FORWARDED_USER_HEADER: 'X-Forwarded-Email' }],
    [
      'ADMIN_FORWARDED_USER_HEADER must be the name',
      { ...SIGN_IN, ADMIN_FORWARDED_USER_HEADER: 'a b', ADMIN_TRUSTED_PROXIES: '::1' },
    ],
    [
      'ADMIN_HOST needs TLS_CERT_FILE and TLS_KEY_FILE, or ADMIN_TRUSTED_PROXIES',
      { ...SIGN_IN, ADMIN_HOST: '0.0.0.0' },
    ],
    ['ADMIN_TRUSTED_PROXIES must be addresses', { ...SIGN_IN, ADMIN_TRUSTED_PROXIES: 'proxy.local' }],
    ['ADMIN_PORT and PORT must differ', { ...SIGN_IN, PORT: '3001' }],
    [
      'ADMIN_READER_USERNAME and ADMIN_READER_PASSWORD must be set together',
      { ...SIGN_IN, ADMIN_READER_USERNAME: 'x' },
    ],
    [
      'ADMIN_READER_USERNAME and ADMIN_READER_PASSWORD must be set together',
      { ...SIGN_IN, ADMIN_READER_PASSWORD: 'correct horse battery' },
    ],
    ['ADMIN_READER_PASSWORD must have 12 characters', { ...SIGN_IN, ...READER, ADMIN_READER_PASSWORD: 'short' }],
    [
      'ADMIN_READER_USERNAME and ADMIN_AUTH_USERNAME must differ',
      { ...SIGN_IN, ...READER, ADMIN_READER_USERNAME: 'operator' },
    ],
    ['ADMIN_PORT needs ADMIN_AUTH_USERNAME', READER],
    ['ADMIN_WRITERS needs ADMIN_FORWARDED_USER_HEADER', { ...SIGN_IN, ADMIN_WRITERS: 'ops' }],
    ['ADMIN_WRITERS has commas only', { ...FORWARDED, ADMIN_WRITERS: ' , ' }],
    [
      'ADMIN_FORWARDED_GROUPS_HEADER needs ADMIN_FORWARDED_USER_HEADER and ADMIN_WRITERS',
      { ...FORWARDED, ADMIN_FORWARDED_GROUPS_HEADER: 'X-Groups' },
    ],
    [
      'ADMIN_FORWARDED_GROUPS_HEADER needs ADMIN_FORWARDED_USER_HEADER and ADMIN_WRITERS',
      { ...SIGN_IN, ADMIN_FORWARDED_GROUPS_HEADER: 'X-Groups', ADMIN_WRITERS: 'ops' },
    ],
    [
      'ADMIN_FORWARDED_GROUPS_HEADER and ADMIN_FORWARDED_USER_HEADER must differ',
      { ...FORWARDED, ADMIN_FORWARDED_GROUPS_HEADER: 'x-forwarded-EMAIL', ADMIN_WRITERS: 'ops' },
    ],
    [
      'ADMIN_FORWARDED_GROUPS_HEADER must be the name',
      { ...FORWARDED, ADMIN_FORWARDED_GROUPS_HEADER: 'a b', ADMIN_WRITERS: 'ops' },
    ],
  ] as const) {
    it(`are refused: ${problem}`, () => {
      expect(() => loadConfig({ ...BASE, ...environment }, ['complaint'])).to.throw(AdapterError, problem)
    })
  }

  it('are not needed without ADMIN_PORT', () => {
    expect(loadConfig({ ...BASE, ADMIN_PORT: '' }, ['complaint']).ADMIN_PORT).to.equal(undefined)
  })
})
