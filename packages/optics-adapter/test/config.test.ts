import { expect } from 'chai'
import { readOpticsConfig } from '../src/index.ts'

const complete = { OPTICS_API_KEY: 'an api key', OPTICS_SECRET_KEY: 'a secret key', HOST: 'adapter.example.gov.uk' }

describe('the configuration of Optics', () => {
  it('needs two keys and a host name; every other setting has a default', () => {
    expect(readOpticsConfig(complete)).to.deep.equal({
      config: {
        endpoint: 'https://uat.icasework.com',
        apiKey: 'an api key',
        secretKey: 'a secret key',
        timeZone: 'Europe/London',
        duplicateCheck: 'none',
        caseId: 'required',
        commentType: '',
        timeoutSeconds: 60,
        settleSeconds: 120,
      },
    })
  })

  it('reports every problem at once, without values', () => {
    const problems = problemsOf({
      OPTICS_ENDPOINT: 'ftp://secret-host',
      OPTICS_TIME_ZONE: 'Mars',
      OPTICS_DUPLICATE_CHECK: 'maybe',
      OPTICS_CASE_ID: 'sometimes',
      OPTICS_TIMEOUT_SECONDS: '0',
      OPTICS_SETTLE_SECONDS: '3601',
    })

    expect(problems.map((problem) => problem.split(' ')[0])).to.deep.equal([
      'OPTICS_ENDPOINT',
      'OPTICS_API_KEY',
      'OPTICS_SECRET_KEY',
      'OPTICS_TIME_ZONE',
      'OPTICS_DUPLICATE_CHECK',
      'OPTICS_CASE_ID',
      'OPTICS_TIMEOUT_SECONDS',
      'OPTICS_SETTLE_SECONDS',
    ])
    expect(problems.join()).not.to.match(/secret-host|Mars|maybe|sometimes/)
  })

  for (const [given, used] of [
    ['https://hmcts.icasework.com', 'https://hmcts.icasework.com'],
    ['https://hmcts.icasework.com//', 'https://hmcts.icasework.com'],
    ['https://localhost:8600', 'https://localhost:8600'],
    ['http://localhost:8600/', 'http://localhost:8600'],
    ['http://127.0.0.1:8600', 'http://127.0.0.1:8600'],
    ['http://[::1]:8600', 'http://[::1]:8600'],
  ] as const)
    it(`accepts the endpoint ${given}`, () => {
      expect(readOpticsConfig({ ...complete, OPTICS_ENDPOINT: given })).to.have.nested.property('config.endpoint', used)
    })

  for (const [given, why] of [
    ['http://uat.icasework.com', 'not https'],
    ['http://127.0.0.1.example.com', 'not this machine'],
    ['uat.icasework.com', 'no scheme'],
    ['https://user:password@uat.icasework.com', 'credentials'],
    ['https://uat.icasework.com/?db=hmcts', 'a query'],
    ['https://uat.icasework.com/#x', 'a fragment'],
    ['https://uat.icasework.com?', 'an empty query'],
    ['https://uat.icasework .com', 'white space'],
    ['"https://uat.icasework.com"', 'quotes that no shell has removed'],
  ] as const)
    it(`refuses the endpoint ${given}: ${why}`, () => {
      const problems = problemsOf({ ...complete, OPTICS_ENDPOINT: given })

      expect(problems).to.have.length(1)
      expect(problems[0]).to.match(/^OPTICS_ENDPOINT must /)
    })

  for (const name of ['OPTICS_API_KEY', 'OPTICS_SECRET_KEY', 'COMMENT_TYPE', 'OPTICS_ENDPOINT', 'OPTICS_TIME_ZONE'])
    for (const [ends, why] of [
      [(value: string) => `${value}\n`, 'a line end, as a secret made with echo has it'],
      [(value: string) => `${value}\r\n`, 'a line end of Windows'],
      [(value: string) => ` ${value}`, 'white space before it'],
      [(value: string) => `${value}\t`, 'a tab after it'],
      [(value: string) => `\ufeff${value}`, 'a byte order mark'],
      [(value: string) => `${value}\nx`, 'two lines'],
    ] as const)
      it(`refuses ${name} with ${why}, and does not quote it`, () => {
        const value =
          { OPTICS_ENDPOINT: 'https://uat.icasework.com', OPTICS_TIME_ZONE: 'Europe/London' }[name] ?? 'hunter22'

        const problems = problemsOf({ ...complete, [name]: ends(value) })

        expect(problems).to.have.length(1)
        expect(problems[0]).to.match(new RegExp(`^${name} (begins or ends with white space|has a line end)`))
        expect(problems[0]).to.not.include(value)
      })

  it('needs no keys in a process that only accepts submissions, and refuses a malformed one there too', () => {
    const { OPTICS_API_KEY: _api, OPTICS_SECRET_KEY: _secret, ...web } = { ...complete, ADAPTER_ROLE: 'web' }

    expect(readOpticsConfig(web)).to.have.nested.property('config.apiKey', '')
    expect(readOpticsConfig(web)).to.have.nested.property('config.secretKey', '')
    expect(
      problemsOf({ ...complete, ...web, OPTICS_API_KEY: 'a key', OPTICS_SECRET_KEY: 'hunter22\n' }).join(),
    ).to.match(/^OPTICS_SECRET_KEY begins or ends/)
    expect(problemsOf({ ...web, OPTICS_API_KEY: 'a key' })).to.deep.equal(['OPTICS_SECRET_KEY is missing'])
    for (const role of ['worker', 'all', '', 'Web'])
      expect(problemsOf({ ...web, ADAPTER_ROLE: role }), role).to.deep.equal([
        'OPTICS_API_KEY is missing',
        'OPTICS_SECRET_KEY is missing',
      ])
  })

  it('needs no host name when Optics is on this machine', () => {
    const { HOST: _, ...local } = { ...complete, OPTICS_ENDPOINT: 'http://localhost:8600' }

    expect(readOpticsConfig(local)).to.have.property('config')
    expect(problemsOf({ ...complete, HOST: '' })).to.deep.equal([
      'HOST is missing: Optics fetches files from https://HOST/v1/attachments/',
    ])
  })
})

function problemsOf(environment: Readonly<Record<string, string>>): readonly string[] {
  const read = readOpticsConfig(environment)
  return 'problems' in read ? read.problems : []
}
