import { expect } from 'chai'
import { assertion } from '../../src/client/token.ts'
import { startOpticsStandIn } from '../../src/stand-in/index.ts'
import { recorded } from '../mapping.ts'
import { client, complaintBody, KEYS, messageOf, notAborted, outcomeOf } from '../optics-client.ts'

describe('the assertion', () => {
  for (const file of ['complaint-v2', 'comment-v2', 'feedback-v2', 'enquiry-v2'])
    for (const { name, env, now, expect: expected } of recorded(file))
      it(`is the recorded one: ${name}`, async () => {
        const made = await assertion(
          {
            endpoint: env['OPTICS_ENDPOINT'] ?? '',
            apiKey: env['OPTICS_API_KEY'] ?? '',
            secretKey: env['OPTICS_SECRET_KEY'] ?? '',
          },
          new Date(now),
        )

        expect(made).to.equal(expected.tokenRequest.assertion)
      })
})

describe('a token', () => {
  it('is requested in the same way as by the Ruby adapter', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    const now = () => Date.now()

    await client(standIn.url, { now }).createCase(complaintBody(), notAborted)

    const [request] = standIn.requests
    expect(request).to.include({ method: 'POST', url: '/token?db=hmcts', met: 200 })
    expect(request?.headers['content-type']).to.equal('application/x-www-form-urlencoded')
    expect(request?.body).to.match(
      /^grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=[\w-]+\.[\w-]+\.[\w-]+$/,
    )
  })

  it('serves many cases, including concurrent ones', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    const optics = client(standIn.url)

    await Promise.all([1, 2, 3].map(() => optics.createCase(complaintBody(), notAborted)))
    await optics.createCase(complaintBody(), notAborted)

    expect(standIn.requests.filter(({ route }) => route === 'token')).to.have.length(1)
    expect(standIn.cases()).to.have.length(4)
  })

  it('is replaced five minutes before it expires', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    const started = Date.now() - 55 * 60_000
    let now = started
    const optics = client(standIn.url, { now: () => now })
    const tokens = async () => {
      await optics.createCase(complaintBody(), notAborted)
      return standIn.requests.filter(({ route }) => route === 'token').length
    }

    expect(await tokens()).to.equal(1)
    now = started + 54.9 * 60_000
    expect(await tokens()).to.equal(1)
    now = started + 55 * 60_000
    expect(await tokens()).to.equal(2)
  })

  for (const kind of ['unauthorised', 'forbidden'] as const)
    it(`that is ${kind} is replaced once, and the case is created once`, async () => {
      await using standIn = await startOpticsStandIn(KEYS)
      await standIn.fail(kind)

      const outcome = await client(standIn.url).createCase(complaintBody(), notAborted)

      expect(outcome).to.deep.equal({ reference: '492233' })
      expect(standIn.requests.map(({ route }) => route)).to.deep.equal(['token', 'createcase', 'token', 'createcase'])
    })

  it('that Optics has expired is replaced for a lookup too', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    const optics = client(standIn.url)
    await optics.createCase(complaintBody(), notAborted)
    standIn.expireTokens()

    expect(await optics.findCase?.('72c49803-e9c3-42ac-bde1-09c04595a2d3', notAborted)).to.deep.equal({
      reference: '492233',
    })
  })

  it('that is refused twice leads to a retry with a new token', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    await standIn.fail('unauthorised', { times: 2 })
    const optics = client(standIn.url)

    expect(await outcomeOf(optics.createCase(complaintBody(), notAborted))).to.equal('retry ERR_OPTICS_UNAUTHORISED')
    expect(standIn.cases()).to.have.length(0)
    expect(await outcomeOf(optics.createCase(complaintBody(), notAborted))).to.deep.equal({ reference: '492233' })
  })

  for (const [what, arrange, code] of [
    ['is not issued for wrong credentials', { secretKey: 'another' }, 'TOKEN_REFUSED'],
    [
      'is not issued for a wrong database, where Optics answers 200 and an empty body',
      { account: 'other' },
      'TOKEN_REFUSED',
    ],
  ] as const)
    it(what, async () => {
      await using standIn = await startOpticsStandIn({ ...KEYS, ...arrange })

      expect(await outcomeOf(client(standIn.url).createCase(complaintBody(), notAborted))).to.equal(
        `retry ERR_OPTICS_${code}`,
      )
      expect(standIn.requests.map(({ route }) => route)).to.deep.equal(['token'])
    })

  for (const [kind, code] of [
    ['html', 'TOKEN_REFUSED'],
    ['empty', 'TOKEN_REFUSED'],
    ['status', 'TOKEN_REFUSED'],
    ['forbidden', 'TOKEN_REFUSED'],
    ['redirect', 'TOKEN_REFUSED'],
    ['reset', 'TOKEN_REFUSED'],
    ['hang', 'TOKEN_REFUSED'],
    ['case-then-half', 'TOKEN_REFUSED'],
    ['too-many-requests', 'BUSY'],
  ] as const)
    it(`is requested again by the next attempt after ${kind}`, async () => {
      await using standIn = await startOpticsStandIn(KEYS)
      await standIn.fail(kind, { route: 'token' })
      const optics = client(standIn.url, { timeoutSeconds: kind === 'hang' ? 0.2 : 5 })

      expect(await outcomeOf(optics.createCase(complaintBody(), notAborted))).to.equal(`retry ERR_OPTICS_${code}`)
      expect(await outcomeOf(optics.createCase(complaintBody(), notAborted))).to.deep.equal({ reference: '492233' })
      expect(standIn.cases()).to.have.length(1)
    })

  for (const [what, body] of [
    ['has no JSON', 'upstream connect error'],
    ['is JSON null', 'null'],
    ['is a list', '[{"access_token":"t"}]'],
    ['is cut off', '{"access_token":"t","expires_in":36'],
    ['has no token', '{"token_type":"Bearer","expires_in":3600}'],
    ['has an empty token', '{"access_token":"","token_type":"Bearer"}'],
    ['has a token with a space', '{"access_token":"a b","token_type":"Bearer"}'],
    ['has a token with a line break', '{"access_token":"a\\r\\nb","token_type":"Bearer"}'],
    ['has a token that is no text', '{"access_token":{"value":"t"}}'],
    ['has a token of another type', '{"access_token":"t","token_type":"mac"}'],
    ['has an error beside the token', '{"access_token":"t","error":"invalid_grant"}'],
    ['is a page', '<html>{"access_token":"t"}</html>'],
  ] as const)
    it(`is not taken from an answer that ${what}`, async () => {
      await using standIn = await startOpticsStandIn(KEYS)
      await standIn.fail('answer', { route: 'token', type: 'application/json', body })
      const optics = client(standIn.url)

      expect(await outcomeOf(optics.createCase(complaintBody(), notAborted))).to.equal('retry ERR_OPTICS_TOKEN_REFUSED')
      expect(await outcomeOf(optics.createCase(complaintBody(), notAborted))).to.deep.equal({ reference: '492233' })
    })

  for (const [what, body] of [
    ['a byte order mark', '\uFEFF{"access_token":"{token}","token_type":"Bearer"}'],
    ['another letter case of the type', '{"access_token":"{token}","token_type":"bearer"}'],
    ['only the token', '{"access_token":"{token}"}'],
  ] as const)
    it(`is taken from an answer with ${what}`, async () => {
      await using standIn = await startOpticsStandIn(KEYS)
      await client(standIn.url).createCase(complaintBody({ ExternalId: 'before' }), notAborted)
      const token = String(standIn.requests.at(-1)?.headers.authorization).replace('Bearer ', '')
      await standIn.fail('answer', { route: 'token', body: body.replace('{token}', token) })

      const end = await outcomeOf(client(standIn.url).createCase(complaintBody(), notAborted))

      expect(end).to.deep.equal({ reference: '492234' })
    })

  it('that is refused is explained by the error headers of Optics, without secrets', async () => {
    await using standIn = await startOpticsStandIn({ ...KEYS, secretKey: 'another' })

    const message = await messageOf(client(standIn.url).createCase(complaintBody(), notAborted))

    expect(message).to.equal(
      'Optics answered the token request with 400 ' +
        '(X-Application-Error-Code 19002, X-Application-Error-Info invalid_grant)',
    )
  })

  it('is not waited for when the attempt is cancelled', async () => {
    await using standIn = await startOpticsStandIn(KEYS)
    await standIn.fail('hang', { route: 'token' })
    const attempt = new AbortController()

    const made = outcomeOf(client(standIn.url).createCase(complaintBody(), { signal: attempt.signal }))
    attempt.abort()

    expect(await made).to.equal('retry ERR_OPTICS_NOT_SENT')
  })
})
