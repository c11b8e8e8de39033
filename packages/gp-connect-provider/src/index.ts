/** The public names, nothing else. */
export { AuditFileError, type AuditFileOptions, auditFile } from './audit-file.ts'
export type { AuditEntry, AuditRecord, ChainEnd } from './audit-record.ts'
export { type AuditEvent, type AuditSink, AuditTrail, type FoundTrail } from './audit-trail.ts'
export { type BreakReason, type Verdict, verifyAuditTrail } from './audit-verifier.ts'
export type { Claims } from './bearer-token.ts'
export { ConfigError } from './config-error.ts'
export { type GuardEvent, logEvents, type ProviderEvent } from './events.ts'
export { type BearerError, FAILURES, type Failure, type FailureCode, ProviderError } from './failures.ts'
export type { FhirFormat } from './fhir-format.ts'
export { type Handler, handleInteractions } from './handlers.ts'
export {
  type FhirRelease,
  type Interaction,
  PRESETS,
  type Preset,
  type PresetName,
  type Scope,
} from './interactions.ts'
export { isNhsNumber } from './nhs-number.ts'
export type { OcspOptions } from './ocsp.ts'
export type { Resource } from './operation-outcome.ts'
export { parameter, parameterIdentifier } from './parameters.ts'
export { createProvider, type Provider, type ProviderOptions, type RunningProvider } from './provider.ts'
export type { RequestedScope } from './requested-scope.ts'
export { DEFAULT_RULES, type Rules } from './rules.ts'
export { type ClientSettings, GP_CONNECT_CIPHERS, type ServerSettings } from './server.ts'
export { LEGACY_AUDIENCE, type ServiceRootOptions } from './service-root.ts'
export type { Transaction } from './transaction.ts'
