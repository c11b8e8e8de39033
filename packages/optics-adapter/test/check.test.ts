import { expect } from 'chai'
import { checkOptics } from '../src/check.ts'
import { startOpticsStandIn } from '../src/stand-in/index.ts'
import { KEYS } from './optics-client.ts'

describe('the check of Optics', () => {
  const environment = (endpoint: string, secretKey = KEYS.secretKey) => ({
    OPTICS_ENDPOINT: endpoint,
    OPTICS_API_KEY: KEYS.apiKey,
    OPTICS_SECRET_KEY: secretKey,
    HOST: 'adapter.example.gov.uk',
  })

  it('signs in as the adapter does, and asks for nothing else', async () => {
    await using standIn = await startOpticsStandIn(KEYS)

    const findings = await checkOptics(environment(standIn.url))

    expect(findings).to.deep.equal([
      { result: 'ok', detail: 'all settings are valid, and Optics gives this adapter an access token' },
    ])
    expect(standIn.requests.map(({ route }) => route)).to.deep.equal(['token'])
  })

  it('says that a process without keys that only accepts submissions does not call Optics', async () => {
    await using standIn = await startOpticsStandIn(KEYS)

    const findings = await checkOptics({ OPTICS_ENDPOINT: standIn.url, ADAPTER_ROLE: 'web' })

    expect(findings).to.deep.equal([
      {
        result: 'ok',
        detail: 'this process only accepts submissions (ADAPTER_ROLE=web): it has no keys and does not call Optics',
      },
    ])
    expect(standIn.requests).to.deep.equal([])
  })

  for (const [what, wrong, detail] of [
    ['another key', (url: string) => environment(url, 'another key'), /^Optics answered the token request with 4\d\d/],
    ['no Optics', () => environment('http://localhost:1'), /^could not connect to Optics .*ECONNREFUSED/],
    [
      'a key with a line end',
      (url: string) => environment(url, 'hunter22\n'),
      /^OPTICS_SECRET_KEY begins or ends with/,
    ],
  ] as const)
    it(`names ${what} as a problem, and quotes no key`, async () => {
      await using standIn = await startOpticsStandIn(KEYS)

      const findings = await checkOptics(wrong(standIn.url))

      expect(findings).to.have.length(1)
      expect(findings[0]).to.have.property('result', 'problem')
      expect(findings[0]?.detail).to.match(detail).and.not.include('hunter22')
    })
})
