/** The public API of the package: the four forms, the Optics client, its settings and its error codes. */
import '../node-version.cjs'

export { type CaseSystem, createOptics, type OpticsParts, type Step } from './client/optics.ts'
export { OPTICS_SETTINGS, type OpticsConfig, readOpticsConfig } from './config.ts'
export { OPTICS_ERRORS, OpticsError, type OpticsErrorCode } from './errors.ts'
export { comment } from './forms/comment.ts'
export { complaint } from './forms/complaint.ts'
export { enquiry } from './forms/enquiry.ts'
export { feedback } from './forms/feedback.ts'
