/** Errors of the start, and of files that are read again. */

/** The closed list of codes, each with its meaning. README.md has the table. */
export const ERRORS = {
  ERR_OPTIONS_INVALID: 'An option is missing, out of its range or contradicts another; the message names every one',
  ERR_CERTIFICATE_INVALID: 'The certificate or key file cannot be read, does not parse, is expired or does not match',
  ERR_TRUST_INVALID: 'A CA or CRL file cannot be read, does not parse, or a CRL is not signed by the CA it names',
} as const

/** One of the codes in `ERRORS`. */
export type ErrorCode = keyof typeof ERRORS

/** `code` identifies the error; `message` names options and files, never their contents. */
export class SecureServerError extends Error {
  override readonly name = 'SecureServerError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
  }
}

/** The stable part of a foreign error: its code, otherwise its name. Its message may quote a file's contents. */
export function reasonOf(error: unknown): string {
  if (error instanceof SecureServerError) return error.message
  if (error instanceof Error) return 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return 'unknown'
}
