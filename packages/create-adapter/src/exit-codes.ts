/** What the exit codes of the command mean. */
export const EXIT_CODES = {
  0: 'done',
  1: 'it failed: the message says why',
  2: 'the command was not understood, or names what cannot be used',
} as const
