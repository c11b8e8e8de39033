/** Sends `submission.json` of an example to it, as Form Builder does: `npm run send`. Each run is a new submission. */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { submit } from '@formbuilder/submitter'

const [path] = process.argv.slice(2)
const port = process.env['PORT'] || '3000'

const { submissionId, outcome, status } = await submit({
  endpoint: `https://localhost:${port}${path}`,
  key: readFileSync('.development/shared-key', 'utf8'),
  ca: readFileSync('.development/certificate.pem', 'utf8'),
  allowLocal: true,
  submission: {
    ...JSON.parse(readFileSync('submission.json', 'utf8')),
    submissionId: randomUUID(),
    attachments: [],
  },
})
console.log(`${status} ${outcome}: submission ${submissionId}`)
