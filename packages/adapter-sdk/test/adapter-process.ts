/** An adapter in its own process, for tests. It reads its settings from the environment and prints its port first. */
import { setTimeout as elapsed } from 'node:timers/promises'
// Built code: it and its threads start sooner.
import { createAdapter } from '../dist/adapter.js'

const adapter = await createAdapter({
  forms: {
    complaint: {
      path: '/v2/complaint',
      repeatable: true,
      async handle({ submissionAnswers }) {
        // Never ends, like a call to a case system that never answers.
        if (process.env['HANDLER'] === 'hangs') await new Promise(() => undefined)
        if (process.env['HANDLER'] === 'takes a second') {
          await elapsed(submissionAnswers['poison'] === undefined ? 1000 : 500)
          // As a native module does that meets what it cannot digest.
          if (submissionAnswers['poison'] !== undefined) process.kill(process.pid, 'SIGKILL')
        }
        return { reference: process.env['HANDLER'] ?? 'made' }
      },
    },
  },
}).start({ leaseSeconds: Number(process.env['LEASE_SECONDS'] ?? 30) })
console.log(`port ${adapter.port}`)
