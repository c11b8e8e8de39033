/** `npm run send`: sends a submission in test/samples to the adapter that `npm run dev` runs. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runningAdapter } from '@formbuilder/submitter/development'
import { adapter } from '../src/adapter.ts'

const args = process.argv.slice(2)
const named = args.indexOf('--form')
const form = named === -1 ? adapter.forms[0] : args.splice(named, 2)[1]
const [path] = adapter.paths.get(form ?? '') ?? []
const running = runningAdapter()

if (path === undefined) stop(`--form must be one of: ${adapter.forms.join(', ')}.`)
else if (running === undefined) stop('No adapter runs. Start it in another terminal: npm run dev')
else await send(`${running.url}${path}`, running.filesPort)

function stop(message: string): void {
  console.error(message)
  process.exitCode = 2
}

async function send(endpoint: string, filesPort: number): Promise<void> {
  const { newSubmission } = await import(`../test/samples/${form}.ts`)
  const last = `.development/last-${form}`
  const submission = newSubmission()
  // --repeat: what was sent last, again, as Form Builder does that got no answer.
  if (args.includes('--repeat') && existsSync(last)) submission.submissionId = readFileSync(last, 'utf8')
  writeFileSync(last, submission.submissionId)

  const command = fileURLToPath(new URL('../bin/submitter.cjs', import.meta.resolve('@formbuilder/submitter')))
  const target = ['--endpoint', endpoint, '--allow-local', '--ca-file', '.development/certificate.pem']
  const files = ['--file-port', String(filesPort), '--certificate-folder', '.development']
  const key = ['--key-file', '.development/shared-key']
  const sending = spawn(process.execPath, [command, 'send', ...target, ...files, ...key, ...args, '-'], {
    stdio: ['pipe', 'inherit', 'inherit'],
  })
  // Ctrl-C is for the submitter, which says what was sent.
  process.on('SIGINT', () => undefined)
  sending.on('exit', (code) => {
    process.exitCode = code ?? 1
  })
  sending.stdin.on('error', () => undefined)
  sending.stdin.end(JSON.stringify(submission))
}
