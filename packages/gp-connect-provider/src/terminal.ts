/** The output of a command on the streams of its process. */
import { once } from 'node:events'
import type { Output } from './audit-command.ts'

/** Writes to stdout and stderr. A reader such as `head` may leave early, which ends the command quietly. */
export function terminal(): Output {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 2))
  return {
    async write(text) {
      if (!process.stdout.write(text)) await once(process.stdout, 'drain')
    },
    error: (text) => void process.stderr.write(text),
  }
}
