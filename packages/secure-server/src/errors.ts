/** The errors with which `startServer` and `reload` reject. */

/** Every error code with its meaning. README.md has the same table. */
export const ERRORS = {
  ERR_OPTIONS_INVALID: 'An option is missing, out of range or contradicts another; the message names each of them',
  ERR_CERTIFICATE_INVALID:
    'The certificate or key file cannot be read, does not parse, does not match, or is not valid now',
  ERR_TRUST_INVALID: 'A CA or CRL file cannot be read, does not parse, or a CRL is not signed by the CA it names',
} as const

/** One of the codes in `ERRORS`. */
export type ErrorCode = keyof typeof ERRORS

/** An error with a stable `code`. Its `message` names options and files, never their contents. */
export class SecureServerError extends Error {
  override readonly name = 'SecureServerError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
  }
}

/** What may be reported of any error: its code, or else its name. A foreign message may quote a file's contents. */
export function reasonOf(error: unknown): string {
  if (error instanceof SecureServerError) return error.message
  if (error instanceof Error) return 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return 'unknown'
}
