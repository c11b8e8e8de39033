import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CrlFetchOptions } from '@formbuilder/secure-server'
import { expect } from 'chai'
import { pino } from 'pino'
import { ConfigError } from '../src/config-error.ts'
import { createProvider, type ProviderOptions } from '../src/provider.ts'
import type { PresetName } from '../src/roots/interactions.ts'
import { logEvents } from '../src/server/events.ts'
import { Pki, SSP_FQDN } from './pki.ts'
import { ROOTS } from './practice.ts'
import { ask } from './requests.ts'

const ADDED = { id: 'urn:a', method: 'GET', path: 'a', scope: 'patient/*.read' }

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
    ['an unknown release',        root({ preset: '1.8.0' }),                                                          'the preset of service root 1'],
    ['an unknown method',         root({ add: [{ ...ADDED, method: 'TRACE' }] }),                                      'add of service root 1'],
    ['a path with an empty segment', root({ add: [{ ...ADDED, path: 'a//b' }] }),                                      'add of service root 1'],
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
    ['an unknown option',         { disable: true },                                                                 'the option disable of the provider does not exist'],
    ['an inherited option',       JSON.parse('{"__proto__":1}'),                                                     'the option __proto__ of the provider does not exist'],
    ['an unknown option of a root', root({ disable: true }),                                                           'the option disable of service root 1 does not exist'],
    ['audiences in a root',       root({ audiences: ['urn:a'] }),                                                    'the option audiences of service root 1 does not exist'],
    ['publicUrl in a root',       root({ publicUrl: 'https://a' }),                                                  'the option publicUrl of service root 1 does not exist'],
    ['a root that is null',       { serviceRoots: { '/a': null } },                                                  'service root 1 is not an object'],
    ['an ASID that is a number',  root({ asid: 918999198993 }),                                                      'the asid of service root 1'],
    ['an unknown member of an interaction', root({ add: [{ ...ADDED, verb: 'GET' }] }),                              'the option verb of item 1 in add of service root 1'],
    ['an interaction that is added twice', root({ add: [ADDED, ADDED] }),                                            'add of service root 1 has the id of item 2 twice'],
    ['a handler of a misspelt interaction', { handlers: { 'urn:nhs:names:services:gpconnect:fhir:rest:read:pateint-1': () => undefined } }, 'handlers has urn:nhs:names:services:gpconnect:fhir:rest:read:pateint-1'],
    ['a handler that is not a function', { handlers: { 'urn:nhs:names:services:gpconnect:fhir:rest:read:patient-1': 1 } }, 'the handler of urn:nhs:names:services:gpconnect:fhir:rest:read:patient-1'],
    ['handlers that are null',    { handlers: null },                                                                'handlers is not an object'],
    ['handlers that are a list',  { handlers: [] },                                                                  'handlers is not an object'],
    ['an audit trail that is missing', { audit: undefined },                                                         'audit is neither'],
    ['an unknown option of the audit trail', { audit: { file: 'a', flushes: 'always' } },                            'the option flushes of audit'],
    ['an unknown way to flush',   { audit: { file: 'a', flush: 'never' } },                                          'audit.flush'],
    ['a limit that is a text',    { maxBodyBytes: '1' },                                                             'maxBodyBytes'],
    ['a listener that is a text', { onEvent: 'log' },                                                                'onEvent'],
    ['a blank audience',          { audiences: [''] },                                                               'audiences'],
    ['an audience rule that is a number', root({ rules: { audience: 1 } }),                                          'the rule audience of service root 1 cannot'],
    ['an invalid URL',            { publicUrl: 'provider' },                                                         'publicUrl is not a URL'],
    ['a URL without TLS',         { publicUrl: 'http://provider.example.test' },                                     'publicUrl is not https'],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(() => createProvider(withMistake(options, wrong))).to.throw(ConfigError, problem)
    })
  }

  it('names every problem at once', () => {
    const serviceRoots = { '/a/': { asid: '1', preset: 'v9' as PresetName } }

    expect(() => createProvider({ ...options, serviceRoots }))
      .to.throw(ConfigError)
      .with.property('problems')
      .with.length(3)
  })

  it('names the problems of every part at once', () => {
    const wrong = {
      ...root({ disable: true, audiences: [] }),
      publicUrl: 'http://a',
      rules: { reason: [] },
      handlers: { 'urn:a': () => undefined, 'urn:b': () => undefined },
      audits: 1,
    }

    expect(() => createProvider(withMistake(options, wrong)))
      .to.throw(ConfigError)
      .with.property('problems')
      .deep.equal([
        'the option audits of the provider does not exist',
        'the option disable of service root 1 does not exist',
        'the option audiences of service root 1 does not exist',
        'publicUrl is not https',
        'the rule reason of the provider does not exist',
        'handlers has urn:a, which is no interaction of a preset or a service root',
        'handlers has urn:b, which is no interaction of a preset or a service root',
      ])
  })

  it('does not start with settings that do not exist, and names them all', async () => {
    const settings = {
      port: 0,
      certFile: pki.path('server.pem'),
      keyFile: pki.path('server.key'),
      cipher: 'x',
      limits: { bodyBytes: 1 } as object,
      client: {
        caFiles: pki.caFiles,
        crlFiles: pki.crlFiles,
        fqdns: [SSP_FQDN],
        crls: [],
        crlFetch: { urls: 'http://a', hosts: [] } as unknown as CrlFetchOptions,
        staleCrl: { acceptHours: 1, forever: true } as { acceptHours: number },
        ocsp: { uri: 'x' } as object,
      },
    }

    const error: unknown = await createProvider(options)
      .start(settings)
      .catch((thrown: unknown) => thrown)

    expect(error)
      .to.be.instanceOf(ConfigError)
      .with.property('problems')
      .deep.equal([
        'the option cipher of the server does not exist',
        'the option crls of client does not exist',
        'the option hosts of client.crlFetch does not exist',
        'client.crlFetch.urls is not a list of texts',
        'client.crlFetch.file is not the name of a file',
        'the option forever of client.staleCrl does not exist',
        'the option uri of client.ocsp does not exist',
        'limits.bodyBytes is maxBodyBytes of the provider',
      ])
  })

  it('starts with handlers, or with a listener, but with neither it refuses to', async () => {
    const { handlers: _, ...without } = options
    const settings = {
      port: 0,
      host: '127.0.0.1',
      certFile: pki.path('server.pem'),
      keyFile: pki.path('server.key'),
      client: { caFiles: pki.caFiles, crlFiles: pki.crlFiles, fqdns: [SSP_FQDN] },
    }
    const error: unknown = await createProvider(without)
      .start(settings)
      .catch((thrown: unknown) => thrown)
    await using running = await createProvider(without).start(settings, (_request, response) => response.end())

    expect(error)
      .to.be.instanceOf(ConfigError)
      .with.property('problems')
      .deep.equal(['neither handlers nor a listener answer requests'])
    expect((await ask(running.port, pki)).status).to.equal(200)
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

/** Own members only, so that `__proto__` stays a member as it is in JSON. */
function withMistake(options: ProviderOptions, mistake: object): ProviderOptions {
  const all = Object.create(Object.prototype) as ProviderOptions
  for (const [name, value] of [...Object.entries(options), ...Object.entries(mistake)])
    Object.defineProperty(all, name, { value, enumerable: true, configurable: true, writable: true })
  return all
}
