import { expect } from 'chai'
import { loadConfig } from '../src/config.ts'

const USABLE = { JWE_SHARED_KEY: 'Xk2fQ9wLs7TgBzR4', TRUST_PROXY: '127.0.0.1' }

describe('a configuration', () => {
  it('is read if every setting is valid', () => {
    const environment = {
      ...USABLE,
      ATTACHMENT_HOSTS: 'localhost:9443, *.example.org',
      DATABASE_URL: 'postgres://db/x',
    }

    expect(loadConfig(environment, ['complaint']).TRUST_PROXY).to.deep.equal(['127.0.0.1'])
  })

  it('with several invalid settings is refused with one message that names them all and quotes no value', () => {
    const environment = {
      JWE_SHARED_KEY: 'short',
      TRUST_PROXY: 'ingress',
      ATTACHMENT_HOSTS: 'store.example.org,*.*',
      DATABASE_URL: 'hunter22',
      RETRY_LIMIT: 'many',
    }

    const load = () => loadConfig(environment, ['complaint'])

    for (const name of Object.keys(environment)) expect(load).to.throw(new RegExp(`^- ${name}\\b`, 'm'))
    expect(load).to.throw('5 settings to put right').with.property('code', 'ERR_CONFIG_INVALID')
    expect(load).to.not.throw(/hunter22|ingress|many/)
  })
})
