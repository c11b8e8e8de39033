import { createAdapter } from '@formbuilder/adapter-sdk'
import axios from 'axios'

const casework = axios.create({ baseURL: process.env['CASEWORK_URL'], timeout: 10_000 })

const adapter = createAdapter({
  forms: {
    complaint: {
      path: '/v2/complaint',
      async handle({ submissionId, submissionAnswers }, { signal }) {
        const headers = { 'Idempotency-Key': submissionId }
        const { data } = await casework.post('/cases', submissionAnswers, { headers, signal })
        return { reference: String(data.id) }
      },
    },
  },
})

await adapter.start()
