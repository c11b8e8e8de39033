/** The public names of the package. */
import '../node-version.cjs'

export { createApp } from './app.ts'
export { type Credentials, isAuthorised } from './basic-auth.ts'
export { clientAddressOf, peerOf } from './connection/connection.ts'
export { holdBytes, SECURITY_HEADERS } from './connection/messages.ts'
export { ERRORS, type ErrorCode, SecureServerError } from './errors.ts'
export {
  type ClientCertificateSummary,
  type ConnectionRefusal,
  type CrlRefusal,
  EVENTS,
  type ProxyRefusal,
  REFUSAL_REASONS,
  type RefusalReason,
  type ServerEvent,
} from './events.ts'
export { contentCodings, type ForwardedProto, headerWords, isForwardedHttps } from './header-values.ts'
export { LIMITS, type Limits } from './limits.ts'
export { isLoopback, networks } from './networks.ts'
export type { RunningServer, ServerOptions } from './options.ts'
export { type RefusalDescription, type RenderedRefusal, type RenderRefusal, renderProblem } from './request/refusals.ts'
export { METHODS } from './request/request-syntax.ts'
export type { Listener } from './request/requests.ts'
export { startServer } from './server.ts'
export type { ClientCertificatePolicy } from './tls/client-certificates.ts'
export type { CrlFetchOptions } from './tls/crl-fetch.ts'
export { type Identity, type NamedFile, parseIdentity } from './tls/identity.ts'
export type { CrlState, TlsOptions } from './tls/material.ts'
export { DEFAULT_CIPHERS, type TlsPolicy } from './tls/policy.ts'
export type { StaleCrlPolicy } from './tls/stale-crls.ts'
