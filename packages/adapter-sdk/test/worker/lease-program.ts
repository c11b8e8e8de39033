/** An adapter with a short lease in its own process, for tests: the answers of a submission say how long its handler waits. */
import { setTimeout as elapsed } from 'node:timers/promises'
// Built code: its processes start in half the time.
import { createAdapter } from '@formbuilder/adapter-sdk'

const casesUrl = process.env['CASES_URL']
const adapter = await createAdapter({
  forms: {
    complaint: {
      path: '/v2/complaint',
      repeatable: 'until-acting',
      settleSeconds: 1,
      async handle({ submissionId, submissionAnswers }, { acting }) {
        console.log(`handle ${submissionId}`)
        await elapsed(Number(submissionAnswers['seconds'] ?? 0) * 1000)
        if (casesUrl === undefined) return {}
        console.log(`acting ${submissionId}`)
        await acting()
        // Without the signal, as a request goes on whose bytes were written already.
        const answer = await fetch(`${casesUrl}/${submissionId}`, { method: 'POST' })
        return { reference: await answer.text() }
      },
      async confirm({ submissionId }) {
        const answer = await fetch(`${casesUrl}/${submissionId}`)
        return answer.status === 200 ? { reference: await answer.text() } : undefined
      },
    },
  },
}).start({ leaseSeconds: Number(process.env['LEASE_SECONDS']) })
console.log(`port ${adapter.port}`)
