import { expect } from 'chai'
import type { TestAdapter } from '../../../src/testing/index.ts'
import { OPERATOR, startOperatedAdapter, submit } from './adapter.ts'
import { ask, basic, formAt, SIGNED_IN } from './ask.ts'

const READER = { ADMIN_READER_USERNAME: 'visitor', ADMIN_READER_PASSWORD: 'a password to look' }
const FORWARDED = {
  ...{ ADMIN_AUTH_USERNAME: '', ADMIN_AUTH_PASSWORD: '' },
  ...{ ADMIN_FORWARDED_USER_HEADER: 'X-Forwarded-Email', ADMIN_TRUSTED_PROXIES: '127.0.0.1' },
}
const named = (name: string, groups?: string) => ({
  'X-Forwarded-Email': name,
  ...(groups !== undefined && { 'X-Forwarded-Groups': groups }),
})

for (const [how, environment, reader, writer, names] of [
  ['a second user', READER, basic('visitor:a password to look'), SIGNED_IN, ['visitor', OPERATOR.username]],
  [
    'groups of a proxy',
    { ...FORWARDED, ADMIN_FORWARDED_GROUPS_HEADER: 'X-Forwarded-Groups', ADMIN_WRITERS: 'ops, on call' },
    named('sam@justice.gov.uk', 'readers,operations'),
    named('ada@justice.gov.uk', 'readers, on call'),
    ['sam@justice.gov.uk', 'ada@justice.gov.uk'],
  ],
  [
    'names of a proxy',
    { ...FORWARDED, ADMIN_WRITERS: 'ada@justice.gov.uk' },
    named('sam@justice.gov.uk', 'ada@justice.gov.uk'),
    named('ada@justice.gov.uk'),
    ['sam@justice.gov.uk', 'ada@justice.gov.uk'],
  ],
] as const) {
  describe(`people who may look and not act, by ${how}`, () => {
    let adapter: TestAdapter
    let dead: string
    let waiting: string
    const [readerName, writerName] = names
    before(async () => {
      adapter = await startOperatedAdapter(environment)
      dead = (await adapter.running.ledger.show(await submit(adapter, 'reject'))).id
      waiting = (await adapter.running.ledger.show(await submit(adapter, 'later'))).id
    })
    after(() => adapter.stop())

    const pages = () => [
      ...[
        '/',
        '/submissions',
        '/submissions?state=dead',
        '/submissions?state=waiting',
        '/dead-letters',
        '/actions',
        '/forms',
      ],
      ...[`/submission?id=${dead}`, `/submission?id=${waiting}`],
    ]
    /** What a page offers to do: forms and links to a page that asks for an action. */
    const offers = (html: string) => html.match(/(?:action|href)="\/(?:decide|pause)[^"]*"|type="checkbox"/g) ?? []

    it('shows them every page, with their name and without a button', async () => {
      for (const path of pages()) {
        const { status, text } = await ask(adapter, path, reader)

        expect([path, status, offers(text)]).to.deep.equal([path, 200, []])
        expect(text).to.contain(`Signed in as ${readerName}, who may look and not act.`)
        expect(text).not.to.contain('>Choose<')
      }
    })

    it('shows others what they may do', async () => {
      for (const path of pages().filter((each) => !['/', '/actions'].includes(each))) {
        const { status, text } = await ask(adapter, path, writer)

        expect([path, status]).to.deep.equal([path, 200])
        expect(offers(text), path).not.to.deep.equal([])
        expect(text).to.contain(`Signed in as ${writerName}. Page`)
      }
    })

    it('refuses what they ask for and what they post with a page, on record, and changes nothing', async () => {
      // The form of somebody who may act, sent by somebody who may not.
      const { body, cookie } = await formAt(adapter, `/decide?action=discard&id=${dead}`, writer)
      body.set('reason', 'x')
      const paused = new URLSearchParams({ action: 'pause', form: 'complaint', reason: 'x' })
      const answers = [
        await ask(adapter, `/decide?action=discard&id=${dead}`, reader),
        await ask(adapter, '/pause?action=pause&form=complaint', reader),
        await ask(adapter, '/decide', { ...reader, Cookie: cookie }, body),
        await ask(adapter, '/pause', { ...reader, Cookie: cookie }, paused),
        await ask(adapter, '/submissions', reader, new URLSearchParams()),
      ]

      expect(answers.map(({ status }) => status)).to.deep.equal([403, 403, 403, 403, 403])
      for (const { text, headers } of answers) {
        expect(headers['content-type']).to.contain('text/html')
        expect(text).to.contain('You may look, and not act')
      }
      expect((await adapter.running.ledger.show(dead)).state).to.equal('dead')
      expect((await adapter.running.store.forms()).every(({ paused }) => paused === null)).to.equal(true)
      expect(adapter.events.filter(({ event }) => event === 'operator.refused').slice(-5)).to.deep.equal(
        Array(5).fill({ event: 'operator.refused', why: 'read-only' }),
      )
    })

    it('lets the others act, and records who did it', async () => {
      const { body, cookie } = await formAt(adapter, `/decide?action=discard&id=${dead}`, writer)
      body.set('reason', 'done by hand')
      const { status } = await ask(adapter, '/decide', { ...writer, Cookie: cookie }, body)
      const [action] = await adapter.running.store.actions({ limit: 1, offset: 0 })
      const { text } = await ask(adapter, '/actions', reader)

      expect(status).to.equal(303)
      expect(action).to.include({ action: 'discarded', by: writerName, reason: 'done by hand' })
      expect(text).to.contain(writerName)
    })
  })
}

describe('groups that a proxy sends', () => {
  let adapter: TestAdapter
  before(async () => {
    adapter = await startOperatedAdapter({
      ...FORWARDED,
      ...{ ADMIN_FORWARDED_GROUPS_HEADER: 'X-Forwarded-Groups', ADMIN_WRITERS: 'ops,équipe' },
    })
  })
  after(() => adapter.stop())

  const mayAct = async (headers: Record<string, string>) => {
    const { status, text } = await ask(adapter, '/forms', headers)
    return status === 200 ? text.includes('/pause?action=pause') : status
  }

  for (const [groups, expected] of [
    [undefined, false],
    ['', false],
    ['ops', true],
    [' ops ', true],
    ['readers,ops', true],
    ['OPS', false],
    ['ops2', false],
    ['ops readers', false],
    ['readers', false],
    [Buffer.from('équipe').toString('latin1'), true],
  ] as const) {
    it(`${expected ? 'let' : 'do not let'} somebody act: ${JSON.stringify(groups)}`, async () => {
      expect(await mayAct(named('ada@justice.gov.uk', groups))).to.equal(expected)
    })
  }

  it('are not names: somebody who is called like a group may not act', async () => {
    expect(await mayAct(named('ops', 'readers'))).to.equal(false)
  })

  it('are refused where there are two headers of them', async () => {
    const twice = { ...named('ada@justice.gov.uk'), 'X-Forwarded-Groups': ['readers', 'ops'] as unknown as string }

    expect(await mayAct(twice)).to.equal(403)
    expect(adapter.events.findLast(({ event }) => event === 'operator.refused')).to.deep.equal({
      event: 'operator.refused',
      why: 'identity',
      detail: 'the header of ADMIN_FORWARDED_GROUPS_HEADER is there more than once',
    })
  })
})

describe('the second user of the page', () => {
  it('signs in beside a proxy, and alone gets no further with a wrong password', async () => {
    await using adapter = await startOperatedAdapter({ ...FORWARDED, ...READER })
    const reader = basic('visitor:a password to look')

    expect((await ask(adapter, '/forms', reader)).text).not.to.contain('/pause?action')
    expect((await ask(adapter, '/forms', named('ada'))).text).to.contain('/pause?action')
    const refused = await ask(adapter, '/', basic('visitor:wrong'))
    expect([refused.status, refused.headers['www-authenticate']]).to.deep.equal([
      401,
      'Basic realm="Operator", charset="UTF-8"',
    ])
  })
})
