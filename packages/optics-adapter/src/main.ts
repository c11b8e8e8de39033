/** The process: configured by the environment, it serves the four forms until it is told to stop. */
import { AdapterError, createAdapter, loadConfig } from '@formbuilder/adapter-sdk'
import { readOpticsConfig } from './config.ts'
import { comment } from './forms/comment.ts'
import { complaint } from './forms/complaint.ts'
import { enquiry } from './forms/enquiry.ts'
import { feedback } from './forms/feedback.ts'
import { createOptics } from './optics.ts'

try {
  const read = readOpticsConfig(process.env)
  // Problems of both tables are reported in one message.
  const config = loadConfig(
    process.env,
    ['complaint', 'comment', 'feedback', 'enquiry'],
    'problems' in read ? read.problems : [],
  )
  if ('config' in read) {
    const optics = createOptics(read.config)
    const forms = {
      complaint: complaint(optics),
      comment: comment(optics, read.config.commentType),
      feedback: feedback(optics),
      enquiry: enquiry(optics),
    }
    await createAdapter({ forms }).start({ config })
  }
} catch (error) {
  if (!(error instanceof AdapterError)) throw error
  console.error(`${error.code}: ${error.message}`)
  process.exitCode = 1
}
