/** One replica, which runs in its own process. It makes a case at CASES_URL for each submission. */
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
