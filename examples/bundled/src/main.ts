import { createAdapter, UncertainError } from '@formbuilder/adapter-sdk'
import axios from 'axios'

const casework = axios.create({ baseURL: process.env['CASEWORK_URL'], timeout: 10_000 })

const adapter = createAdapter({
  forms: {
    complaint: {
      path: '/v2/complaint',
      // The case system recognises the key below, so a repeat does no harm.
      repeatable: true,
      async handle({ submissionId, submissionAnswers }, { signal }) {
        const headers = { 'Idempotency-Key': submissionId }
        const { data } = await casework.post('/cases', submissionAnswers, { headers, signal })
        // It accepted the complaint and named no case. One may exist: nobody may be told that none was made.
        if (typeof data.id !== 'string') throw new UncertainError('the case system named no case')
        return { reference: data.id }
      },
    },
  },
})

await adapter.start()
