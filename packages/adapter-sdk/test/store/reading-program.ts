/** An adapter in its own process whose handler reads every file, and compares it with the SHA-256 that the answers name. */
import { createHash } from 'node:crypto'
// Built code: its processes start in half the time.
import { createAdapter, PermanentError } from '@formbuilder/adapter-sdk'

const adapter = await createAdapter({
  forms: {
    complaint: {
      path: '/v2/complaint',
      repeatable: true,
      async handle({ submissionAnswers }, { attachments }) {
        const hashes: string[] = []
        for (const file of attachments) {
          const hash = createHash('sha256')
          for await (const chunk of file.stream()) hash.update(chunk)
          hashes.push(hash.digest('hex'))
        }
        if (hashes.join() !== submissionAnswers['hashes'])
          throw new PermanentError('the files are not those that were sent')
        return { reference: 'read' }
      },
    },
  },
}).start()
console.log(`port ${adapter.port}`)
