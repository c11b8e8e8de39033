/** The public names of the package. */
import '../node-version.cjs'

export { type AuditFileOptions, auditFile } from './audit/file.ts'
export { AuditFileError } from './audit/private-file.ts'
export type { AuditEntry, AuditRecord, ChainEnd } from './audit/record.ts'
export { type AuditEvent, type AuditSink, AuditTrail, type FoundTrail, type SinkNotice } from './audit/trail.ts'
export { type BreakReason, type Verdict, verifyAuditTrail } from './audit/verifier.ts'
export { ConfigError } from './config-error.ts'
export { type BearerError, FAILURES, type Failure, type FailureCode, ProviderError } from './failures.ts'
export type { FhirFormat, FhirRelease } from './fhir/format.ts'
export { isNhsNumber } from './fhir/nhs-number.ts'
export type { Resource } from './fhir/operation-outcome.ts'
export { parameter, parameterIdentifier } from './fhir/parameters.ts'
export { CLAIMS_HEADER } from './gateway/forwarded-headers.ts'
export type { ForwardOptions } from './gateway/upstream-options.ts'
export {
  createProvider,
  type Provider,
  type ProviderOptions,
  type ProviderProblem,
  type RunningProvider,
} from './provider.ts'
export {
  type Interaction,
  PRESETS,
  type Preset,
  type PresetName,
  RELEASES,
  type Release,
  type Scope,
} from './roots/interactions.ts'
export { LEGACY_AUDIENCE, type ServiceRootOptions } from './roots/service-root.ts'
export { DEFAULT_RULES, type Rules } from './rules.ts'
export { formatResource } from './server/answer.ts'
export { GP_CONNECT_CIPHERS } from './server/ciphers.ts'
export { ENVIRONMENTS, type Environment, type EnvironmentName } from './server/environments.ts'
export { type GuardEvent, logEvents, type ProviderEvent } from './server/events.ts'
export { type Handler, handleInteractions } from './server/handlers.ts'
export type { OcspOptions } from './server/ocsp.ts'
export type { ClientSettings, ServerSettings } from './server/server.ts'
export type { SwitchEvent, SwitchedRoot, SwitchFunction, SwitchSource } from './server/switches.ts'
export type { Claims } from './token/bearer-token.ts'
export type { RequestedScope } from './token/scope.ts'
export type { Transaction } from './transaction.ts'
