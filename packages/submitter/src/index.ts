/** The public API of the package: send a submission, verify an endpoint, check an address. */
import '../node-version.cjs'

export { AdapterError, type EndpointProof, type SubmissionEnvelope } from '@formbuilder/adapter-sdk/protocol'
export { assertEndpoint, type EndpointRules } from './endpoint.ts'
export type { Exchange, RecordedHeader, Step } from './exchange.ts'
export type { SubmissionInput } from './plaintext.ts'
export { RefusalError } from './refusal.ts'
export { type Receipt, type SubmitOptions, submit, type Target } from './submit.ts'
export { type Unreachable, UnreachableError } from './unreachable.ts'
export { verifyEndpoint } from './verify.ts'
