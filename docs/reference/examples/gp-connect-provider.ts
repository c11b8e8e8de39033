/** Examples of the names of @formbuilder/gp-connect-provider. */

import { createReadStream, readFileSync } from 'node:fs'
import {
  type AuditEntry,
  type AuditEvent,
  AuditFileError,
  type AuditFileOptions,
  type AuditRecord,
  type AuditSink,
  AuditTrail,
  auditFile,
  type BearerError,
  type BreakReason,
  type ChainEnd,
  CLAIMS_HEADER,
  type Claims,
  type ClientSettings,
  ConfigError,
  createProvider,
  DEFAULT_RULES,
  ENVIRONMENTS,
  type Environment,
  type EnvironmentName,
  FAILURES,
  type Failure,
  type FailureCode,
  type FhirFormat,
  type FhirRelease,
  type ForwardOptions,
  type FoundTrail,
  formatResource,
  GP_CONNECT_CIPHERS,
  type GuardEvent,
  type Handler,
  handleInteractions,
  type Interaction,
  isNhsNumber,
  LEGACY_AUDIENCE,
  logEvents,
  type OcspOptions,
  PRESETS,
  type Preset,
  type PresetName,
  type Provider,
  ProviderError,
  type ProviderEvent,
  type ProviderOptions,
  type ProviderProblem,
  parameter,
  parameterIdentifier,
  RELEASES,
  type Release,
  type RequestedScope,
  type Resource,
  type Rules,
  type RunningProvider,
  type Scope,
  type ServerSettings,
  type ServiceRootOptions,
  type SinkNotice,
  type SwitchEvent,
  type SwitchedRoot,
  type SwitchFunction,
  type SwitchSource,
  type Transaction,
  type Verdict,
  verifyAuditTrail,
} from '@formbuilder/gp-connect-provider'
import { pino } from 'pino'

// createProvider, Provider, ProviderOptions, RunningProvider, ServiceRootOptions, ServerSettings, ClientSettings, OcspOptions
{
  const root: ServiceRootOptions = { asid: '918999198993', preset: 'v1.2' }
  const options: ProviderOptions = {
    publicUrl: 'https://provider.example',
    serviceRoots: { '/GP0001/STU3/1/gpconnect': root },
    audit: { file: 'audit.jsonl', flush: 'always' },
    handlers: {
      'urn:nhs:names:services:gpconnect:fhir:rest:read:patient-1': ({ id }) => ({ resourceType: 'Patient', id }),
    },
  }
  const provider: Provider = createProvider(options)
  const ocsp: OcspOptions = { url: 'http://ocsp.example', timeoutSeconds: 3 }
  const client: ClientSettings = { caFiles: ['ca.pem'], crlFiles: ['ca.crl.pem'], fqdns: ['ssp.example'], ocsp }
  const settings: ServerSettings = { port: 8443, certFile: 'server.pem', keyFile: 'server.key', client }
  const running: RunningProvider = await provider.start(settings)
  process.once('SIGTERM', () => void running.stop({ graceSeconds: 25 }))
}

// Handler, Transaction, Resource, ProviderError, handleInteractions
{
  const readPatient: Handler = (transaction: Transaction): Resource => {
    if (transaction.id !== '1') throw new ProviderError('PATIENT_NOT_FOUND')
    transaction.setDataId('9000000009')
    return { resourceType: 'Patient', id: transaction.id, active: true }
  }
  const middleware = handleInteractions({
    'urn:nhs:names:services:gpconnect:fhir:rest:read:patient-1': readPatient,
  })
  console.log(typeof middleware)
}

// FAILURES, Failure, FailureCode, BearerError
{
  function explain(code: FailureCode): string {
    const failure: Failure = FAILURES[code]
    return `${failure.status} ${failure.spineCode}: ${failure.diagnostics}`
  }
  const bearer: BearerError = 'invalid_token'
  const error = new ProviderError('BAD_REQUEST', 'the token is not valid', { bearer })
  console.log(explain(error.code), error.bearer)
}

// ConfigError
{
  try {
    createProvider({ publicUrl: 'not a URL', serviceRoots: {}, audit: { file: 'audit.jsonl' }, handlers: {} })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) console.error(problem)
  }
}

// PRESETS, Preset, PresetName, RELEASES, Release, Interaction, Scope
{
  const release: Release = '1.7'
  const name: PresetName = RELEASES['1.7']
  const preset: Preset = PRESETS[name]
  const scope: Scope = 'patient/*.read'
  const own: Interaction = { id: 'urn:example:read:note', method: 'GET', path: 'Note/{id}', scope }
  const root = { asid: '918999198993', preset: release, add: [own] }
  console.log(preset.fhir, preset.interactions.length, root.preset)
}

// Rules, DEFAULT_RULES
{
  const rules: Partial<Rules> = { requestedRecord: 'reject', expiryLeewaySeconds: 0 }
  console.log({ ...DEFAULT_RULES, ...rules }.audience)
}

// LEGACY_AUDIENCE
{
  console.log(`a token of a 0.5 consumer may be for ${LEGACY_AUDIENCE}`)
}

// GP_CONNECT_CIPHERS
{
  console.log(GP_CONNECT_CIPHERS.split(':'))
}

// Claims, RequestedScope, FhirFormat, FhirRelease
{
  function describe({ claims, scope, format, root }: Transaction): string {
    const given: Claims = claims
    const asked: RequestedScope | undefined = scope
    const [wire, release]: [FhirFormat, FhirRelease] = [format, root.fhir]
    return `${given['reason_for_request']} ${asked?.confidentiality}, ${wire} of ${release}`
  }
  console.log(typeof describe)
}

// logEvents, ProviderEvent, GuardEvent, AuditEvent, SwitchEvent
{
  const log = logEvents(pino())
  function onEvent(event: ProviderEvent): void {
    log(event)
    if (event.type === 'transaction.served') {
      const served: GuardEvent = event
      console.log(served.milliseconds)
    } else if (event.type === 'audit.failed') {
      const failed: AuditEvent = event
      console.error(failed.code)
    } else if (event.type === 'switches.refused') {
      const refused: SwitchEvent = event
      console.error(refused.problems)
    }
  }
  console.log(typeof onEvent)
}

// SwitchSource, SwitchFunction, SwitchedRoot
{
  const isOn: SwitchFunction = async (root: SwitchedRoot, capability) => {
    const answer = await fetch(`https://switches.example/${root.asid}/${capability ?? 'all'}`)
    return answer.ok
  }
  const switches: SwitchSource = process.env['SWITCHES_FILE'] ? { file: process.env['SWITCHES_FILE'] } : isOn
  console.log(typeof switches)
}

// auditFile, AuditFileOptions, AuditFileError, AuditTrail, AuditEntry
{
  const options: AuditFileOptions = { flush: 'always' }
  const trail = new AuditTrail(auditFile('audit.jsonl', options), (event) => console.log(event.type))
  async function record(entry: AuditEntry): Promise<void> {
    try {
      await trail.append(entry)
    } catch (error) {
      if (error instanceof AuditFileError) console.error(error.code)
      throw error
    }
  }
  await trail.open()
  console.log(typeof record, trail.failing)
  await trail.close()
}

// AuditSink, FoundTrail, SinkNotice
{
  const lines: string[] = []
  const sink: AuditSink = {
    async open(): Promise<FoundTrail> {
      return { end: undefined, torn: false }
    },
    async append(text) {
      lines.push(text)
    },
    takeNotices: (): readonly SinkNotice[] => [],
    async close() {},
  }
  createProvider({ publicUrl: 'https://provider.example', serviceRoots: {}, audit: sink, handlers: {} })
}

// verifyAuditTrail, Verdict, BreakReason, ChainEnd
{
  const text = createReadStream('audit.jsonl', { encoding: 'utf8' })
  const verdict: Verdict = await verifyAuditTrail(text as AsyncIterable<string>)
  if (verdict.intact) {
    const end: ChainEnd = verdict.end
    console.log(`intact, ${end.sequence} records`)
  } else {
    const reason: BreakReason = verdict.reason
    console.error(`line ${verdict.line}: ${reason}`)
  }
}

// AuditRecord
{
  for (const line of readFileSync('audit.jsonl', 'utf8').trimEnd().split('\n')) {
    const { sequence, timestamp, outcome, status }: AuditRecord = JSON.parse(line)
    console.log(sequence, timestamp, outcome, status)
  }
}

// isNhsNumber
{
  console.log(isNhsNumber('9000000009')) // true
}

// parameter, parameterIdentifier
{
  const body = {
    resourceType: 'Parameters',
    parameter: [
      { name: 'patientNHSNumber', valueIdentifier: { value: '9000000009' } },
      { name: 'includeMedication', part: [] },
    ],
  }
  console.log(parameterIdentifier(body, 'patientNHSNumber'), parameter(body, 'includeMedication')?.['name'])
}

// formatResource
{
  function answer(resource: Resource, transaction: Transaction): string {
    const { contentType, body } = formatResource(resource, transaction)
    return `${contentType}: ${body.length} characters`
  }
  console.log(typeof answer)
}

// ForwardOptions, CLAIMS_HEADER
{
  const options: ForwardOptions = { secretFile: 'claims.secret', headersSeconds: 10 }
  function listener(provider: Provider) {
    // The upstream finds the claims of the token, signed, in this header.
    console.log(CLAIMS_HEADER)
    return provider.forward('http://127.0.0.1:9000', options)
  }
  console.log(typeof listener)
}

// ENVIRONMENTS, Environment, EnvironmentName
{
  const name: EnvironmentName = 'int'
  const environment: Environment = ENVIRONMENTS[name]
  console.log(environment)
}

// ProviderProblem
{
  async function isReady(running: RunningProvider): Promise<boolean> {
    const problems: readonly ProviderProblem[] = await running.problems()
    for (const problem of problems) console.error(`the provider cannot serve: ${problem}`)
    return problems.length === 0
  }
  console.log(typeof isReady)
}
