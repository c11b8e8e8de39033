/** The public names, nothing else. */
export type { ClientCertificatePolicy } from './client-certificates.ts'
export { ERRORS, type ErrorCode, SecureServerError } from './errors.ts'
export {
  type ClientCertificateSummary,
  type ConnectionRefusal,
  EVENTS,
  REFUSAL_REASONS,
  type RefusalReason,
  type ServerEvent,
} from './events.ts'
export { METHODS } from './hygiene.ts'
export { LIMITS, type Limits } from './limits.ts'
export { SECURITY_HEADERS } from './messages.ts'
export type { RunningServer, ServerOptions } from './options.ts'
export { type RefusalDescription, type RenderedRefusal, type RenderRefusal, renderProblem } from './refusals.ts'
export type { Listener } from './requests.ts'
export { startServer } from './server.ts'
export type { TlsOptions } from './tls-material.ts'
export { DEFAULT_CIPHERS, type TlsPolicy } from './tls-policy.ts'
