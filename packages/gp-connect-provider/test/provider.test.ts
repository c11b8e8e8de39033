import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { pino } from 'pino'
import { ConfigError } from '../src/config-error.ts'
import { createProvider, type ProviderOptions } from '../src/provider.ts'
import type { PresetName } from '../src/roots/interactions.ts'
import { logEvents } from '../src/server/events.ts'
import { Pki, SSP_FQDN } from './pki.ts'
import { ROOTS } from './practice.ts'
import { ask } from './requests.ts'

describe('provider', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gp-connect-provider-'))
  const options: ProviderOptions = {
    serviceRoots: { [ROOTS['v1.2'].path]: { asid: ROOTS['v1.2'].asid, preset: 'v1.2' } },
    publicUrl: 'https://provider.example.test',
    handlers: {},
    audit: { file: join(folder, 'audit.jsonl') },
  }
  let pki: Pki

  before(async () => {
    pki = await Pki.create()
  })

  after(async () => {
    await pki[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  // biome-ignore format: a table
  for (const [what, wrong, problem] of [
    ['no service root',           { serviceRoots: {} },                                                              'serviceRoots is empty'],
    ['a path with a trailing slash', { serviceRoots: { '/a/': { asid: '918999198993', preset: 'v1.2' } } },            'the path of service root 1'],
    ['a path without a slash',    { serviceRoots: { a: { asid: '918999198993', preset: 'v1.2' } } },                 'the path of service root 1'],
    ['an invalid ASID',           { serviceRoots: { '/a': { asid: '1', preset: 'v1.2' } } },                         'the asid of service root 1'],
    ['an unknown preset',         { serviceRoots: { '/a': { asid: '918999198993', preset: 'v9' as PresetName } } },  'the preset of service root 1'],
    ['an inherited preset',       { serviceRoots: { '/a': { asid: '918999198993', preset: 'toString' as PresetName } } }, 'the preset of service root 1'],
    ['an invalid interaction',    root({ add: [{ id: 'urn:a', method: 'GET', path: '/a', scope: 'patient/*.read' }] }), 'add of service root 1'],
    ['removing an unknown interaction', root({ remove: ['urn:a'] }),                                                  'remove of service root 1'],
    ['disabling an unknown interaction', root({ disabled: ['urn:a'] }),                                               'disabled of service root 1'],
    ['disabled as a text',        root({ disabled: 'true' }),                                                        'disabled of service root 1'],
    ['an unknown rule',           root({ rules: { unknownPaths: 404 } }),                                            'the rule unknownPaths of service root 1 does not exist'],
    ['an inherited rule',         root({ rules: { toString: 404 } }),                                                'the rule toString of service root 1 does not exist'],
    ['rules that are null',       root({ rules: null }),                                                             'the rules of service root 1'],
    ['a rule with an invalid value', root({ rules: { expiryLeewaySeconds: 601 } }),                                     'the rule expiryLeewaySeconds of service root 1 cannot'],
    ['an invalid rule for all roots', { rules: { bearerErrors: 'rfc6749' as 'rfc6750' } },                              'the rule bearerErrors of the provider'],
    ['an invalid URL',            { publicUrl: 'provider' },                                                         'publicUrl is not a URL'],
    ['a URL without TLS',         { publicUrl: 'http://provider.example.test' },                                     'publicUrl is not https'],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(() => createProvider({ ...options, ...wrong })).to.throw(ConfigError, problem)
    })
  }

  it('names every problem at once', () => {
    const serviceRoots = { '/a/': { asid: '1', preset: 'v9' as PresetName } }

    expect(() => createProvider({ ...options, serviceRoots }))
      .to.throw(ConfigError)
      .with.property('problems')
      .with.length(3)
  })

  it('runs further middleware after the guard', async () => {
    const provider = createProvider(options)
    provider.app.use((ctx) => {
      ctx.body = { resourceType: 'CapabilityStatement', id: ctx.state['gpConnect'].root.asid }
    })
    await using running = await provider.start({
      port: 0,
      host: '127.0.0.1',
      certFile: pki.path('server.pem'),
      keyFile: pki.path('server.key'),
      client: { caFiles: pki.caFiles, crlFiles: pki.crlFiles, fqdns: [SSP_FQDN] },
    })

    const { status, headers, body } = await ask(running.port, pki)

    expect([status, headers['content-type'], body]).to.deep.equal([
      200,
      'application/fhir+json; charset=utf-8',
      '{"resourceType":"CapabilityStatement","id":"918999198993"}',
    ])
    await running.reload()
  })
})

describe('the operational log', () => {
  it('does not repeat the names of a refused certificate', () => {
    const lines: string[] = []
    const log = logEvents(pino({}, { write: (line: string) => void lines.push(line) }))
    const certificate = {
      subject: 'CN=9000000009',
      issuer: 'CN=x',
      serialNumber: '1',
      fingerprint256: 'AA',
      notAfter: new Date(0),
    }

    log({ type: 'client.refused', code: 'CERT_REVOKED', address: '127.0.0.1', peer: '127.0.0.1|1', certificate })

    expect(lines.join('')).to.include('CERT_REVOKED').and.not.include('9000000009')
  })

  it('logs served transactions only at level debug', () => {
    const lines: string[] = []
    const event = {
      type: 'transaction.served',
      status: 200,
      milliseconds: 1,
      path: 'Patient/{id}',
      interactionId: 'x',
      traceId: undefined,
    } as const

    logEvents(pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }))(event)
    logEvents(pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) }))(event)

    expect(lines).to.have.length(1)
  })
})

/** Options with a mistake that types would reject, but JSON can contain. */
function root(difference: object): Pick<ProviderOptions, 'serviceRoots'> {
  return { serviceRoots: { '/a': { asid: '918999198993', preset: 'v1.2', ...difference } } }
}
