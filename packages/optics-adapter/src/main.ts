/** The command `optics-adapter`: serves the four forms, or runs an operator's command such as `check` or `redrive`. */
import { readFileSync } from 'node:fs'
import { createAdapter, loadConfig } from '@formbuilder/adapter-sdk'
import { runCommand } from '@formbuilder/adapter-sdk/cli'
import { checkOptics } from './check.ts'
import { createOptics } from './client/optics.ts'
import { readOpticsConfig } from './config.ts'
import { comment } from './forms/comment.ts'
import { complaint } from './forms/complaint.ts'
import { enquiry } from './forms/enquiry.ts'
import { feedback } from './forms/feedback.ts'

const FORMS = ['complaint', 'comment', 'feedback', 'enquiry']

process.exitCode = await runCommand(process.argv.slice(2), {
  name: 'optics-adapter',
  version: JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version,
  forms: FORMS,
  checks: [{ name: 'Optics', run: () => checkOptics(process.env) }],
  start,
})

async function start(): Promise<void> {
  const read = readOpticsConfig(process.env)
  // loadConfig adds the problems of Optics' settings to its own and throws one error that lists all of them.
  const config = loadConfig(process.env, FORMS, 'problems' in read ? read.problems : [])
  if (!('config' in read)) return
  const optics = createOptics(read.config)
  const forms = {
    complaint: complaint(optics),
    comment: comment(optics, read.config.commentType),
    feedback: feedback(optics),
    enquiry: enquiry(optics),
  }
  await createAdapter({ forms }).start({ config })
}
