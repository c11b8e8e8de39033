/** Maps errors to the exit codes of the command. */
import { AdapterError, type ErrorCode } from '@formbuilder/adapter-sdk/protocol'

/** Exit codes by error code. 0 is success, 1 an unexpected error, 2 a wrong command line or file. */
export const EXIT_CODES = {
  ERR_ENDPOINT_REFUSED: 3,
  ERR_KEY_INVALID: 4,
  ERR_SUBMISSION_INVALID: 5,
  ERR_RECEIVER_REFUSED: 6,
  ERR_RECEIVER_UNREACHABLE: 7,
  ERR_ENDPOINT_UNPROVEN: 8,
  ERR_FILES_NOT_FETCHED: 9,
  ERR_SENDING_STOPPED: 130,
} as const satisfies Partial<Record<ErrorCode, number>>

/** What each exit code means. */
export const EXIT_MEANINGS = {
  0: 'done',
  1: 'it failed: the message says why',
  2: 'the command was not understood, or names what cannot be used',
  3: 'the endpoint is not allowed; nothing was sent',
  4: 'the key is not valid; nothing was sent',
  5: 'the submission is not valid; nothing was sent',
  6: 'the receiver did not accept the submission',
  7: 'the receiver did not answer',
  8: 'the endpoint did not prove that it has the key',
  9: 'the receiver has the submission, and did not fetch every file of --file',
  130: 'interrupted: the message says what is left to do',
} as const

/** The command line is wrong, or a file that it names cannot be used. The message says what is wrong. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The exit code for an error. */
export function exitCode(error: unknown): number {
  if (error instanceof UsageError) return 2
  if (error instanceof AdapterError && error.code in EXIT_CODES)
    return EXIT_CODES[error.code as keyof typeof EXIT_CODES] // the check with `in` above
  return 1
}
