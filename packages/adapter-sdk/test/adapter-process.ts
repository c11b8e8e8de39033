/** An adapter process for tests of what only a process can show. The settings are its environment; its port is its first line. */
import { createAdapter } from '../src/adapter.ts'

const adapter = await createAdapter({
  forms: {
    complaint: {
      path: '/v2/complaint',
      async handle() {
        // Told by the environment to go on for ever, as a case system that never answers.
        if (process.env['HANDLER'] === 'hangs') await new Promise(() => undefined)
        return { reference: process.env['HANDLER'] ?? 'made' }
      },
    },
  },
}).start()
console.log(`port ${adapter.port}`)
