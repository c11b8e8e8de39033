/** The real adapter as a process, with a form whose handler takes as long as BENCH_HANDLER_MILLISECONDS says; absent: for ever. */
import { createAdapter } from '@formbuilder/adapter-sdk'

const milliseconds = process.env['BENCH_HANDLER_MILLISECONDS']
const target = process.env['BENCH_TARGET']

const adapter = createAdapter({
  forms: {
    complaint: {
      path: '/v2/complaint',
      timeoutSeconds: 3600,
      async handle(submission, { signal }) {
        if (target !== undefined) await fetch(target, { method: 'POST', body: submission.submissionId, signal })
        else if (milliseconds === undefined) await new Promise(() => undefined)
        else await new Promise((resolve) => setTimeout(resolve, Number(milliseconds)))
      },
    },
  },
})
await adapter.start()
process.send?.('ready')
