/** What the exit codes of the command mean. */
export const EXIT_CODES = { 0: 'success', 1: 'failure', 2: 'wrong arguments' } as const
