import { request } from 'node:https'
import { expect } from 'chai'
import pg from 'pg'
import { csvCell } from '../../../../src/operator/csv.ts'
import { everyMatch, SEARCHED, search } from '../../../../src/operator/search.ts'
import type { Entry } from '../../../../src/store/entry.ts'
import type { Operating, Store } from '../../../../src/store/store.ts'
import type { TestAdapter } from '../../../../src/testing/index.ts'
import { OPERATOR, startOperatedAdapter } from '../../../operator/page/adapter.ts'
import { ask, basic, followed, formOf, noticeOf, SIGNED_IN } from '../../../operator/page/ask.ts'
import { ALL, DEAD, FORM, fillMany, KINDS, make, REASONS } from '../../../operator/page/many.ts'
import { sharedPostgres } from '../../../shared-postgres.ts'
import { dead, retry } from '../../../submissions.ts'
import { until } from '../../../until.ts'

const PLACES: Readonly<Record<string, () => Promise<Record<string, string>>>> = {
  SQLite: async () => ({}),
  PostgreSQL: async () => ({ DATABASE_URL: await (await sharedPostgres()).database() }),
}

const plus = (text = '') => text.replaceAll(' ', '+')

for (const [kind, place] of Object.entries(PLACES)) {
  describe(`the list of submissions with 2,000 of them, on ${kind}`, () => {
    let adapter: TestAdapter
    let entries: Entry[]
    before(async () => {
      adapter = await startOperatedAdapter(await place())
      await fillMany(adapter)
      const { store } = adapter.running
      entries = [
        ...(await store.list({}, { limit: 1000, offset: 0 })),
        ...(await store.list({}, { limit: 1000, offset: 1000 })),
      ]
    })
    after(() => adapter.stop())

    const list = async (query = '') => (await ask(adapter, `/submissions${query}`)).text
    const idsIn = (text: string) =>
      [...text.matchAll(/operator-id" href="\/submission\?id=([\w-]+)"/g)].map(([, id]) => id)
    const entry = (wanted: (each: Entry) => boolean) => entries.find(wanted) as Entry

    it('says how many there are, and shows each once on its pages', async () => {
      const first = await list()
      const pages = [first]
      for (let page = 2; page <= 40; page++) pages.push(await list(`?page=${page}`))

      expect(first).to.contain('2,000 submissions, newest first. Page 1 of 40')
      expect(first).to.contain('href="/submissions?page=2"')
      expect(pages[39]).not.to.contain('page=41')
      expect(pages.flatMap(idsIn).sort()).to.deep.equal(entries.map(({ id }) => id).sort())
      expect(await list('?page=41')).to.contain('There are no more submissions')
    })

    const day = (offset: number) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10)
    for (const [query, count] of [
      ['state=dead', DEAD],
      ['state=waiting', KINDS.waiting],
      ['state=running', 0],
      [`form=${FORM}`, ALL],
      ['form=complaint', 0],
      ['code=ERR_ANSWERS_INVALID', 1100],
      ['state=dead&code=ERR_CASEWORK_BUSY', 0],
      ['reason=court+is', 1100],
      [`reason=${plus(REASONS[0])}`, 1100],
      [`reason=${plus(REASONS[0])}&whole=1`, KINDS.first],
      ['reason=answers_court', 0],
      ['uncertain=yes', KINDS.uncertain],
      ['uncertain=no&state=dead', DEAD - KINDS.uncertain],
      ['attempts=1&state=delivered', KINDS.delivered],
      ['attempts=2', 0],
      ['reference=%3DR-7', 1],
      [`from=${day(-1)}&to=${day(1)}`, ALL],
      [`to=${day(-1)}`, 0],
      [`from=${day(1)}+09:30`, 0],
      ['code=ERR_HANDLER_PERMANENT&state=dead&form=archive&uncertain=no&attempts=1&reason=case+2', 1],
      ['id=no+such', 0],
    ] as const)
      it(`finds ${count} with ${query}`, async () => {
        const text = await list(`?${query}`)

        const total = new Intl.NumberFormat('en-GB').format(count)
        if (count === 0) expect(text).to.contain('No submissions found')
        else expect(text).to.match(new RegExp(`\\s${total} submissions?[,.\\s]`))
        expect(idsIn(text)).to.have.length(Math.min(50, count))
      })

    it('finds a submission by its id, the beginning of it, and the id of its row, in any letters of that', async () => {
      const { id, submissionId } = entry(({ state }) => state === 'delivered')

      for (const text of [submissionId, submissionId.slice(0, 13), id, id.toUpperCase()])
        expect(idsIn(await list(`?id=${text}`)), text).to.deep.equal([id])
      const first = submissionId.slice(0, 1)
      const few = entries.filter((each) => each.submissionId.startsWith(first) && each.state === 'delivered')
      expect(idsIn(await list(`?id=${first}&state=delivered`)).sort()).to.deep.equal(few.map((each) => each.id).sort())
      expect(await list(`?id=${submissionId.slice(1)}`)).to.contain('No submissions found')
    })

    for (const [query, problem] of [
      ['from=yesterday', 'Received from must be a day or a time, such as 2026-11-29 or 2026-11-29 14:30'],
      ['from=2026-02-30', 'Received from must be'],
      ['to=2026-01-01+25:00', 'Received to must be'],
      ['to=2026-13-01T00:00:00Z', 'Received to must be'],
      ['attempts=-1', 'Attempts must be a whole number'],
      ['attempts=two', 'Attempts must be a whole number'],
      ['uncertain=perhaps', 'Uncertain must be yes or no'],
      ['state=lost', 'State must be waiting, running, delivered, dead, discarded'],
    ] as const)
      it(`refuses ${query}, and shows nothing instead of more`, async () => {
        const answer = await ask(adapter, `/submissions?${query}`)

        expect(answer.status).to.equal(422)
        expect(answer.text).to.contain('There is a problem').and.contain(problem)
        expect(idsIn(answer.text)).to.deep.equal([])
      })

    it('marks what is uncertain, and shows when the next attempt is', async () => {
      const row = async (query: string) => /<tbody[\s\S]*?<\/tr>/.exec(await list(`?${query}`))?.[0] ?? ''
      const waiting = entry(({ state }) => state === 'waiting')

      expect(await row('uncertain=yes'))
        .to.contain('Dead letter')
        .and.contain('Uncertain')
      expect(await row('state=dead&uncertain=no')).not.to.contain('Uncertain')
      expect(await row(`id=${waiting.id}`)).to.contain(`<time datetime="${waiting.dueAt}">`)
    })

    it('has one primary button, and offers to act on all that match with their number', async () => {
      const primary = (text: string) => text.match(/class="govuk-button( govuk-button--warning)?\s*"/g)?.length ?? 0
      const [any, dead, waiting] = [await list(), await list('?state=dead'), await list('?state=waiting')]
      const letters = (await ask(adapter, '/dead-letters')).text

      expect([any, dead, waiting].map(primary)).to.deep.equal([1, 1, 1])
      expect(primary(letters)).to.equal(0)
      expect(dead).to.contain('Redrive all 1,203').and.contain('Discard all 1,203').and.not.contain('Retry all')
      expect(waiting).to.contain('Retry all 597 now').and.not.contain('Redrive all')
      expect(any).not.to.match(/(Redrive|Retry|Discard) all/)
    })

    it('groups dead letters by reason where the words are ours', async () => {
      const { text } = await ask(adapter, '/dead-letters')

      const [, reasons = ''] = /aria-label="Reasons">([\s\S]*?)<\/ul>/.exec(text) ?? []
      expect(reasons).to.contain(REASONS[0]).and.contain(REASONS[1])
      const links = [...reasons.matchAll(/href="([^"]*)"/g)].map(([, href = '']) => href.replaceAll('&amp;', '&'))
      const counts = []
      for (const href of links) counts.push(/\s(\d+) submissions/.exec((await ask(adapter, href)).text)?.[1])
      expect(counts).to.deep.equal(['700', '400'])
      expect(text).not.to.contain('is closed')
    })

    it('says that nothing was chosen, and leads back to the list', async () => {
      for (const action of ['redrive', 'discard', 'retry-now']) {
        const list = 'state=dead&code=ERR_ANSWERS_INVALID&page=2'
        const answer = await ask(adapter, `/decide?action=${action}&list=${encodeURIComponent(list)}`)

        expect(answer.status).to.equal(422)
        expect(answer.text).to.contain('Choose at least one submission first: tick the box beside it.')
        expect(answer.text).to.contain('href="/submissions?state=dead&amp;code=ERR_ANSWERS_INVALID&amp;page=2"')
      }
      const elsewhere = await ask(adapter, '/decide?action=redrive&list=https%3A%2F%2Fexample.org')
      expect(elsewhere.text).to.contain('href="/submissions"').and.not.contain('example.org')
    })

    describe('exports', () => {
      it('all that match as CSV, each once, without answers and reasons', async () => {
        const all = await ask(adapter, '/submissions.csv')
        const some = await ask(adapter, `/submissions.csv?state=delivered&reference=${encodeURIComponent('=R-7')}`)

        const [head, ...lines] = all.text.trimEnd().split('\r\n')
        expect(head).to.equal(
          'submissionId,form,serviceSlug,state,uncertain,code,reference,attempts,files,missingFiles,receivedAt,changedAt,nextAttemptAt,id',
        )
        expect(lines.map((line) => line.split(',').at(-1)).sort()).to.deep.equal(entries.map(({ id }) => id).sort())
        expect(all.headers['content-type']).to.equal('text/csv; charset=utf-8; header=present')
        expect(all.headers['content-disposition']).to.match(/^attachment; filename="submissions-[\dT-]+\.csv"$/)
        expect(all.text).not.to.match(/court|is closed/)
        expect(some.text.split('\r\n')).to.have.length(3)
        expect(some.text).to.contain(",delivered,false,,'=R-7,1,0,0,")
      })

      it('all that match as JSON', async () => {
        const rows = JSON.parse((await ask(adapter, '/submissions.json?state=waiting')).text) as Record<
          string,
          unknown
        >[]
        const none = (await ask(adapter, '/submissions.json?state=running')).text

        expect(rows).to.have.length(KINDS.waiting)
        const { id, submissionId, receivedAt, changedAt, dueAt } = entry((each) => each.id === rows[0]?.['id'])
        expect(rows[0]).to.deep.equal({
          ...{ submissionId, form: FORM, serviceSlug: 'test-form', state: 'waiting', uncertain: false },
          ...{ code: 'ERR_CASEWORK_BUSY', reference: null, attempts: 1, files: 0, missingFiles: 0 },
          ...{ receivedAt, changedAt, nextAttemptAt: dueAt, id },
        })
        expect(JSON.parse(none)).to.deep.equal([])
      })

      it('to a client that leaves in the middle, and to the next', async () => {
        const before = adapter.events.length
        await new Promise<void>((resolve, reject) => {
          const sent = request(
            {
              ...{ host: '127.0.0.1', servername: 'localhost', port: adapter.running.adminPort, agent: false },
              ...{ ca: adapter.certificate.cert, path: '/submissions.csv', headers: SIGNED_IN },
            },
            (response) => {
              response.once('data', () => response.destroy())
              response.once('close', resolve)
            },
          )
          sent.once('error', reject)
          sent.end()
        })

        const next = await ask(adapter, '/submissions.csv')

        expect(next.text.split('\r\n')).to.have.length(ALL + 2)
        expect(adapter.events.slice(before).filter(({ event }) => event !== 'server')).to.deep.equal([])
      })
    })

    describe('acts on all that match', () => {
      const decide = async (action: string, of: Record<string, string>) => {
        const fields = Object.entries(of).map(([name, value]): [string, string] => [`of_${name}`, value])
        const query = new URLSearchParams([['all', '1'], ['list', `state=${of['state']}`], ...fields])
        const asked = await ask(adapter, `/decide?action=${action}&${query}`)
        const { body, cookie } = await formOf(adapter, `&${query}`, SIGNED_IN, action)
        return { asked, body, post: () => ask(adapter, '/decide', { ...SIGNED_IN, Cookie: cookie }, body) }
      }
      const count = (filter: object) => adapter.running.store.count(filter)

      it('after it has said how many they are and what they are; uncertain ones, and what came later, are left out', async () => {
        const { asked, body, post } = await decide('redrive', { state: 'dead', form: FORM })
        await make(adapter.running.store, 2, () => dead({ code: 'ERR_LATER' }))
        body.set('reason', 'the schema is repaired')

        const answer = await post()
        const shown = await followed(adapter, answer)

        expect(asked.text).to.contain('Redrive 1,103 submissions').and.contain('100 are left out: uncertain')
        expect(asked.text).to.contain(`Form: <span class="operator-code">${FORM}</span>`)
        expect([answer.status, answer.headers['location']]).to.deep.equal([303, '/submissions?state=dead'])
        expect(noticeOf(answer)).to.include({ done: 'redriven', count: 1103, uncertain: 100, remaining: 0 })
        expect(shown.text).to.contain('1,103 submissions were redriven')
        expect(await count({ form: FORM, state: 'dead' })).to.equal(KINDS.uncertain + 2)
        expect(await count({ form: FORM, state: 'waiting' })).to.equal(KINDS.waiting + 1103)
        const [first] = await adapter.running.store.actions({ limit: 1, offset: 0 })
        expect(first).to.include({ action: 'redriven', by: 'operator', reason: 'the schema is repaired' })
      })

      it('retries now by a code and by a part of the reason', async () => {
        await make(adapter.running.store, 3, () => retry({ code: 'ERR_FULL', reason: 'full at 9', delaySeconds: 900 }))
        await make(adapter.running.store, 2, () => retry({ code: 'ERR_FULL', reason: 'shut', delaySeconds: 900 }))
        const { asked, post } = await decide('retry-now', { state: 'waiting', code: 'ERR_FULL', reason: 'full at' })

        const answer = await post()

        expect(asked.text).to.contain('Retry 3 submissions now')
        expect(noticeOf(answer)).to.include({ done: 'made due now', count: 3, changed: 0 })
        const later = await adapter.running.store.list({ code: 'ERR_FULL' }, { limit: 9, offset: 0 })
        expect(later.filter(({ dueAt }) => Date.parse(dueAt ?? '') > Date.now())).to.have.length(2)
      })

      it('includes uncertain ones where it is asked for twice', async () => {
        const { asked, body, post } = await decide('discard', { state: 'dead', uncertain: 'yes' })
        body.set('reason', 'entered by hand')
        body.set('include', 'uncertain')
        const second = await post()
        body.set('doubtful', '100')
        const answer = await post()

        expect(asked.text).to.contain('Discard 0 submissions').and.contain('100 are left out')
        expect([second.status, second.text.includes('100 cases may be there or not')]).to.deep.equal([200, true])
        expect(noticeOf(answer)).to.include({ done: 'discarded', count: 100 })
      })
    })
  })
}

/** Statements that wait for this transaction. */
const WAITING = `SELECT count(*)::int AS count FROM pg_locks
  WHERE NOT granted AND transactionid = pg_current_xact_id()::xid`

describe('an action on all that match', () => {
  it('is cut short by a stop: what is done is done, the rest is said, and done after the next start', async () => {
    const settings = { DATABASE_URL: await (await sharedPostgres()).database(), DRAIN_SECONDS: '0' }
    const adapter = await startOperatedAdapter(settings)
    const { store } = adapter.running
    await make(store, 1203, () => dead())
    const query = '&all=1&of_state=dead'
    const { body, cookie } = await formOf(adapter, query, SIGNED_IN, 'redrive')
    const first = await store.walk('dead', {}, { limit: 500, after: null })
    const second = await store.walk('dead', {}, { limit: 500, after: first.next })
    const client = new pg.Client({ connectionString: settings.DATABASE_URL })
    await client.connect()
    const happened = (event: string, type?: string) =>
      adapter.events.filter((each) => each.event === event && (!('server' in each) || each.server.type === type)).length

    // Another client holds a row of the second batch, until the stop has been asked for.
    await client.query('BEGIN')
    await client.query('SELECT FROM formbuilder.submission WHERE id = $1 FOR UPDATE', [second.entries[0]?.id])
    const asking = ask(adapter, '/decide', { ...SIGNED_IN, Cookie: cookie }, body)
    await until(() => happened('submission.redriven') === 500)
    await until(async () => (await client.query(WAITING)).rows[0].count === 1)
    const stopping = adapter.stop()
    await until(() => happened('server', 'stopping') === 2)
    await client.query('ROLLBACK')
    await client.end()
    const answer = await asking
    await stopping
    await using next = await startOperatedAdapter(settings)
    const shown = (await ask(next, '/submissions?state=dead')).text
    const again = await formOf(next, query, SIGNED_IN, 'redrive')
    const rest = await ask(next, '/decide', { ...SIGNED_IN, Cookie: again.cookie }, again.body)

    expect(noticeOf(answer)).to.include({ done: 'redriven', count: 1000, changed: 0, remaining: 203 })
    expect(shown).to.contain('Redrive all 203')
    expect(noticeOf(rest)).to.include({ count: 203, remaining: 0 })
  })
})

describe('a search among many', () => {
  it('looks at the newest only where many may match, says since when, and finds the others before that', async () => {
    await using adapter = await startOperatedAdapter()
    const { store } = adapter.running
    await make(store, 30, () => dead())
    const [middle] = await store.list({}, { limit: 1, offset: 15 })
    /** The same store, with fewer that are searched. */
    const asked: string[] = []
    const few: Operating = new Proxy(store, {
      get(target, name: keyof Store) {
        if (name === 'receivedBehind') {
          return async (_: number, before?: Date) => {
            asked.push(name)
            return before === undefined ? new Date(middle?.receivedAt ?? '') : null
          }
        }
        const value = target[name]
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const page = { limit: 50, offset: 0 }

    const newest = await search(few, { code: 'ERR_HANDLER_PERMANENT' }, page)
    const others = await search(few, { receivedBefore: newest.searchedFrom ?? undefined }, page)
    const dead_ = await search(few, { state: 'dead' }, page)

    expect(newest.searchedFrom?.toISOString()).to.equal(middle?.receivedAt)
    expect([newest.total + others.total, others.searchedFrom]).to.deep.equal([30, null])
    expect([dead_.total, dead_.searchedFrom]).to.deep.equal([30, null])
    expect(asked).to.have.length(2)
    expect(SEARCHED).to.equal(20_000)
  })

  it('reads no further than it is asked to', async () => {
    await using adapter = await startOperatedAdapter()
    const { store } = adapter.running
    for (let i = 0; i < 4; i++) await make(store, 400, () => dead())
    let steps = 0
    const counted: Operating = new Proxy(store, {
      get(target, name: keyof Store) {
        if (name === 'scan') steps += 1
        const value = target[name]
        return typeof value === 'function' ? value.bind(target) : value
      },
    })

    for await (const entries of everyMatch(counted, {})) {
      expect(entries).to.have.length(1000)
      break
    }

    expect(steps).to.equal(1)
  })
})

describe('a cell of a CSV', () => {
  for (const [value, text] of [
    ['CASE-1', 'CASE-1'],
    ['=1+1', "'=1+1"],
    ['+44', "'+44"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\tx', "'\tx"],
    ['\rx', '"\'\rx"'],
    ['\n=1', '"\'\n=1"'],
    ['\uff1d1', "'\uff1d1"],
    ['a "b", c', '"a ""b"", c"'],
    ['=a,"b"', '"\'=a,""b"""'],
    ['line\r\nline', '"line\r\nline"'],
    [-1, '-1'],
    [false, 'false'],
    [null, ''],
  ] as const)
    it(`is ${JSON.stringify(text)} for ${JSON.stringify(value)}`, () => expect(csvCell(value)).to.equal(text))
})

describe('pages that refresh themselves', () => {
  let adapter: TestAdapter
  before(async () => {
    adapter = await startOperatedAdapter()
    await make(adapter.running.store, 3, () => dead())
  })
  after(() => adapter.stop())

  for (const path of ['/', '/submissions', '/dead-letters', '/actions'])
    for (const seconds of ['10', '30', '60'])
      it(`${path} does so every ${seconds} seconds where it is told to`, async () => {
        const answer = await ask(adapter, `${path}?refresh=${seconds}`)

        expect([answer.status, answer.headers['refresh']]).to.deep.equal([200, seconds])
        expect(answer.text).to.contain(`<strong aria-current="true">Every ${seconds} seconds</strong>`)
        expect(answer.text).to.contain(`<a class="govuk-link" href="${path}">Off</a>`)
      })

  for (const path of [
    '/?refresh=1',
    '/submissions',
    '/decide?action=redrive&all=1&of_state=dead&refresh=10',
    '/no?refresh=10',
  ])
    it(`${path} does not`, async () => {
      expect((await ask(adapter, path)).headers).not.to.have.property('refresh')
    })

  it('have nothing that can be ticked, and lead to the same list where it can', async () => {
    const refreshed = await ask(adapter, '/submissions?state=dead&refresh=10')
    const resting = await ask(adapter, '/submissions?state=dead')

    expect(refreshed.text).not.to.match(/type="checkbox"|Redrive chosen/)
    expect(refreshed.text).to.contain('<a class="govuk-link" href="/submissions?state=dead">Stop that and choose</a>')
    expect(resting.text).to.contain('Redrive chosen').and.contain('name="id" value')
  })

  it('show the banner of an action once', async () => {
    const { body, cookie } = await formOf(adapter, '&all=1&of_state=dead', SIGNED_IN, 'discard')
    body.set('reason', 'x')
    const done = await ask(adapter, '/decide', { ...SIGNED_IN, Cookie: cookie }, body)
    const left = String(done.headers['set-cookie'])
    const first = await ask(adapter, '/dead-letters', { ...SIGNED_IN, Cookie: left.split(';')[0] ?? '' })
    const second = await ask(adapter, '/dead-letters')

    expect(left).to.match(/^__Host-done=[\w-]+; Path=\/; Max-Age=60; HttpOnly; SameSite=Strict; Secure$/)
    expect(first.text).to.contain('3 submissions were discarded')
    expect(String(first.headers['set-cookie'])).to.match(/^__Host-done=; Path=\/; Max-Age=0; /)
    expect(second.text).not.to.contain('were discarded')
  })

  it('say what an action that was cut short has left, and nothing that they did not write', async () => {
    const shown = async (notice: string) =>
      (await ask(adapter, '/', { ...SIGNED_IN, Cookie: `__Host-done=${Buffer.from(notice).toString('base64url')}` }))
        .text
    const notice = { done: 'redriven', count: 500, uncertain: 0, changed: 0, remaining: 703 }

    expect(await shown(JSON.stringify(notice))).to.contain(
      '500 submissions were redriven. 703 are left as they were, because there was no time for more: do it again for the rest.',
    )
    for (const forged of [{ done: 'stolen' }, { count: -1 }, { count: '<b>' }, { remaining: null }, { until: 'x' }])
      expect(await shown(JSON.stringify({ ...notice, ...forged }))).not.to.contain('role="alert"')
    expect(await shown('no JSON')).not.to.contain('role="alert"')
  })
})

describe('addresses that are no page', () => {
  let adapter: TestAdapter
  before(async () => {
    adapter = await startOperatedAdapter()
  })
  after(() => adapter.stop())

  for (const [method, path, status, allow] of [
    ['GET', '/favicon', 404, undefined],
    ['POST', '/nothing', 404, undefined],
    ['GET', '/submissions/x', 404, undefined],
    ['PUT', '/submissions', 405, 'HEAD, GET'],
    ['DELETE', '/submission', 405, 'HEAD, GET'],
    ['POST', '/', 405, 'HEAD, GET'],
    ['PATCH', '/decide', 405, 'HEAD, GET, POST'],
    ['POST', '/assets/operator.css', 405, 'GET, HEAD'],
    ['POST', '/submissions.csv', 405, 'HEAD, GET'],
    ['PROPFIND', '/submissions', 405, 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'],
  ] as const)
    it(`${method} ${path} is answered ${status} with a page`, async () => {
      const answer = await ask(adapter, path, SIGNED_IN, undefined, method)

      expect([answer.status, answer.headers['allow']]).to.deep.equal([status, allow])
      expect(answer.headers['content-type']).to.equal('text/html; charset=utf-8')
      expect(answer.text).to.contain('Go to the overview')
    })

  it('/favicon.ico is the picture', async () => {
    const answer = await ask(adapter, '/favicon.ico')

    expect([answer.status, answer.headers['content-type']]).to.deep.equal([200, 'image/vnd.microsoft.icon'])
  })

  it('are pages over plain HTTP of this machine too', async () => {
    const plain = { TLS_CERT_FILE: '', TLS_KEY_FILE: '', TRUST_PROXY: '127.0.0.1', DRAIN_SECONDS: '0' }
    await using tunnelled = await startOperatedAdapter(plain)
    const at = (path: string, method = 'GET') =>
      fetch(`http://127.0.0.1:${tunnelled.running.adminPort}${path}`, {
        method,
        headers: basic(`${OPERATOR.username}:${OPERATOR.password}`),
      })

    const answers = [await at('/nothing'), await at('/favicon.ico'), await at('/submissions', 'PUT')]

    expect(answers.map(({ status }) => status)).to.deep.equal([404, 200, 405])
    expect(answers[0]?.headers.get('content-type')).to.contain('text/html')
    expect(answers[2]?.headers.get('content-type')).to.contain('text/html')
  })
})
