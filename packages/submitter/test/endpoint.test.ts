import { expect } from 'chai'
import { assertEndpoint } from '../src/index.ts'
import { failure, outcome } from './outcome.ts'

describe('an endpoint', () => {
  for (const [text, href] of [
    ['https://adapter.service.gov.uk/v2/complaint', 'https://adapter.service.gov.uk/v2/complaint'],
    ['https://gov.uk/', 'https://gov.uk/'],
    ['https://a.b.c.d.service.justice.gov.uk', 'https://a.b.c.d.service.justice.gov.uk/'],
    ['HTTPS://Adapter.Service.GOV.UK/V2/Complaint', 'https://adapter.service.gov.uk/V2/Complaint'],
    ['https://adapter.service.gov.uk:443/x', 'https://adapter.service.gov.uk/x'],
    ['https://adapter.service.gov.uk/x?form=a@b:c', 'https://adapter.service.gov.uk/x?form=a@b:c'],
    ['https://1.gov.uk/', 'https://1.gov.uk/'],
    ['https://127.0.0.1.gov.uk/', 'https://127.0.0.1.gov.uk/'],
  ] as const)
    it(`may be ${text}`, () => {
      expect(assertEndpoint(text).href).to.equal(href)
      expect(assertEndpoint(new URL(text)).href).to.equal(href)
    })

  const NAME_BY_HTTP = 'is not https, and http is allowed to 127.0.0.1 or [::1] only, not to a name'
  const NOT_GOV_UK = 'is not on gov.uk or a subdomain of it'
  const refused: [string, string][] = [
    ['http://adapter.service.gov.uk/', 'is not https'],
    ['http://127.0.0.1:3000/', 'is on this machine, which is allowed for development only'],
    ['http://[::1]:3000/', 'is on this machine, which is allowed for development only'],
    ['http://localhost:3000/', 'is on this machine, which is allowed for development only'],
    ['ftp://adapter.service.gov.uk/', 'is not https'],
    ['wss://adapter.service.gov.uk/', 'is not https'],
    ['https:adapter.service.gov.uk', 'is not an absolute URL, such as https://adapter.service.gov.uk/v2/form'],
    ['https:/adapter.service.gov.uk', 'is not an absolute URL, such as https://adapter.service.gov.uk/v2/form'],
    ['//adapter.service.gov.uk/', 'is not an absolute URL, such as https://adapter.service.gov.uk/v2/form'],
    ['adapter.service.gov.uk', 'is not an absolute URL, such as https://adapter.service.gov.uk/v2/form'],
    ['', 'is not an absolute URL, such as https://adapter.service.gov.uk/v2/form'],
    ['https://', NOT_GOV_UK],
    ['https:///gov.uk/', NOT_GOV_UK],
    ['https://example.com/', NOT_GOV_UK],
    ['https://gov.uk.evil.com/', NOT_GOV_UK],
    ['https://evilgov.uk/', NOT_GOV_UK],
    ['https://x.evil-gov.uk/', NOT_GOV_UK],
    ['https://gov.uk.com/', NOT_GOV_UK],
    ['https://govuk/', NOT_GOV_UK],
    ['https://x.gov-uk/', NOT_GOV_UK],
    ['https://x.govauk/', NOT_GOV_UK],
    ['https://uk/', NOT_GOV_UK],
    ['https://service.gov.ukx/', NOT_GOV_UK],
    ['https://x.gov.uk./', NOT_GOV_UK],
    ['https://.gov.uk/', NOT_GOV_UK],
    ['https://a..gov.uk/', NOT_GOV_UK],
    ['https://-a.gov.uk/', NOT_GOV_UK],
    ['https://a_b.gov.uk/', NOT_GOV_UK],
    ['https://*.gov.uk/', NOT_GOV_UK],
    ['https://evil.com%2f.gov.uk/', NOT_GOV_UK],
    ['https://x%2egov%2euk/', NOT_GOV_UK],
    ['https://evil.com?.gov.uk/', NOT_GOV_UK],
    ['https://evil.com/.gov.uk', NOT_GOV_UK],
    [`https://${'a'.repeat(64)}.gov.uk/`, NOT_GOV_UK],
    [`https://${'a.'.repeat(130)}gov.uk/`, NOT_GOV_UK],
    ['https://evil.com#.gov.uk/', 'contains a fragment'],
    ['https://x.gov.uk/#', 'contains a fragment'],
    ['https://x.gov.uk/v2#part', 'contains a fragment'],
    ['https://gov.uk@evil.com/', 'contains credentials'],
    ['https://user:password@x.gov.uk/', 'contains credentials'],
    ['https://user@x.gov.uk/', 'contains credentials'],
    ['https://@x.gov.uk/', 'contains credentials'],
    ['https://x.gov.uk:8443/', 'uses a port other than 443'],
    ['https://x.gov.uk:80/', 'uses a port other than 443'],
    ['https://x.gov.uk:0443/', 'uses a port other than 443'],
    ['https://x.gov.uk:/', 'uses a port other than 443'],
    ['https://x.gov.uk:443:443/', 'uses a port other than 443'],
    ['https://192.0.2.1/', 'is an IP address'],
    ['https://3221225985/', 'is an IP address'],
    ['https://0xc0000201/', 'is an IP address'],
    ['https://0300.0.2.1/', 'is an IP address'],
    ['https://192.513/', 'is an IP address'],
    ['https://10.0.0.0x7/', 'is an IP address'],
    ['https://192.0.2.1./', 'is an IP address'],
    ['https://[2001:db8::1]/', 'is an IP address'],
    ['https://[::ffff:192.0.2.1]/', 'is an IP address'],
    ['https://localhost/', 'is on this machine, which is allowed for development only'],
    ['https://127.0.0.1/', 'is on this machine, which is allowed for development only'],
    ['https://[::1]/', 'is on this machine, which is allowed for development only'],
    ['https://xn--gv-lka.gov.uk/', 'has an internationalised name'],
    ['https://a.xn--gv-lka.gov.uk/', 'has an internationalised name'],
    ['https://x.ｇｏｖ.uk/', 'contains white space, control characters or characters that are not ASCII'],
    ['https://x.gov。uk/', 'contains white space, control characters or characters that are not ASCII'],
    ['https://х.gov.uk/', 'contains white space, control characters or characters that are not ASCII'],
    [' https://x.gov.uk/', 'contains white space, control characters or characters that are not ASCII'],
    ['https://x.gov.uk/\n', 'contains white space, control characters or characters that are not ASCII'],
    ['https://x.go\tv.uk/', 'contains white space, control characters or characters that are not ASCII'],
    ['https://x.gov.uk/a b', 'contains white space, control characters or characters that are not ASCII'],
    ['https:\\\\x.gov.uk/', 'contains a backslash'],
    ['https://evil.com\\.gov.uk/', 'contains a backslash'],
    [`https://x.gov.uk/${'a'.repeat(2048)}`, 'is longer than 2048 characters'],
  ]
  for (const [text, why] of refused)
    it(`is refused: ${JSON.stringify(text.slice(0, 60))} ${why}`, async () => {
      const error = await failure(() => assertEndpoint(text))

      expect([error.code, error.message]).to.deep.equal(['ERR_ENDPOINT_REFUSED', `the endpoint ${why}`])
    })

  it('is never quoted in the refusal, because it may contain a password', async () => {
    const { message } = await failure(() => assertEndpoint('https://user:hunter2@x.gov.uk/'))

    expect(message).not.to.contain('hunter2')
  })

  describe('for development', () => {
    for (const text of [
      'https://localhost/v2/complaint',
      'https://localhost:8443/',
      'https://LOCALHOST:8443/',
      'https://127.0.0.1:8443/',
      'https://127.9.9.9/',
      'https://[::1]:8443/',
      'https://x.gov.uk/',
      'http://127.0.0.1:3000/v2/complaint',
      'HTTP://127.9.9.9/',
      'http://[::1]:3000/v2/complaint',
    ])
      it(`may be ${text}`, async () => {
        expect(await outcome(() => assertEndpoint(text, { allowLocal: true }))).to.equal('done')
      })

    for (const [text, why] of [
      ['http://localhost:8080/', NAME_BY_HTTP],
      ['http://LocalHost/', NAME_BY_HTTP],
      ['http://x.gov.uk/', 'is not https'],
      ['http://127.0.0.1.gov.uk/', 'is not https'],
      ['http://127.1/', 'is not https'],
      ['http://2130706433/', 'is not https'],
      ['http://0x7f000001/', 'is not https'],
      ['http://[::ffff:127.0.0.1]/', 'is not https'],
      ['http://[::]/', 'is not https'],
      ['http://0.0.0.0/', 'is not https'],
      ['http://192.168.0.1/', 'is not https'],
      ['http://128.0.0.1/', 'is not https'],
      ['http://127.0.0.1.evil.com/', 'is not https'],
      ['http://evil.com@127.0.0.1/', 'is not https'],
      ['https://evil.com@127.0.0.1/', 'contains credentials'],
      ['http://127.0.0.1@evil.com/', 'is not https'],
      ['http://127.0.0.1/#', 'contains a fragment'],
      ['http://127.0.0.999/', 'is not a valid URL'],
      ['ws://127.0.0.1/', 'is not https'],
      ['https://user@localhost/', 'contains credentials'],
      ['https://localhost.evil.com/', NOT_GOV_UK],
      ['https://evil-localhost/', NOT_GOV_UK],
      ['https://sub.localhost/', NOT_GOV_UK],
      ['https://localhost./', NOT_GOV_UK],
      ['https://2130706433/', 'is an IP address'],
      ['https://0x7f.1/', 'is an IP address'],
      ['https://127.1/', 'is an IP address'],
      ['https://[::ffff:127.0.0.1]/', 'is an IP address'],
      ['https://0.0.0.0/', 'is an IP address'],
      ['https://192.168.0.1/', 'is an IP address'],
      ['https://128.0.0.1/', 'is an IP address'],
      ['https://example.com/', NOT_GOV_UK],
      ['https://x.gov.uk:8443/', 'uses a port other than 443'],
      ['https://localhost:99999/', 'is not a valid URL'],
      ['https://127.0.0.999/', 'is not a valid URL'],
    ] as const)
      it(`is still refused: ${text} ${why}`, async () => {
        const { message } = await failure(() => assertEndpoint(text, { allowLocal: true }))

        expect(message).to.equal(`the endpoint ${why}`)
      })
  })
})
