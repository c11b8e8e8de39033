/** One replica as a process of its own: each submission makes one case at CASES_URL. */
import { createAdapter } from '../../src/adapter.ts'

await createAdapter({
  forms: {
    complaint: {
      path: '/v2/complaint',
      repeatable: 'until-acting',
      async handle({ submissionId }, { acting, signal }) {
        await acting()
        const answer = await fetch(`${process.env['CASES_URL']}/${submissionId}`, { method: 'POST', signal })
        return { reference: await answer.text() }
      },
    },
  },
}).start()
