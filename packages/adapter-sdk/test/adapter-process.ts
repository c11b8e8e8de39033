/** An adapter in its own process, for tests. It reads its settings from the environment and prints its port first. */
import { createAdapter } from '../src/adapter.ts'

const adapter = await createAdapter({
  forms: {
    complaint: {
      path: '/v2/complaint',
      async handle() {
        // Never ends, like a call to a case system that never answers.
        if (process.env['HANDLER'] === 'hangs') await new Promise(() => undefined)
        return { reference: process.env['HANDLER'] ?? 'made' }
      },
    },
  },
}).start()
console.log(`port ${adapter.port}`)
