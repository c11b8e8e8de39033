export { AdapterError, ERRORS, type ErrorCode } from '../errors.ts'
