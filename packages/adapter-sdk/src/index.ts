export { AdapterError, ERRORS, type ErrorCode, PermanentError, UncertainError } from './errors.ts'
export type { Attachment, Context, Form, Outcome, Submission } from './form.ts'
