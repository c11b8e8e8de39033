/** `npm create @formbuilder/adapter my-adapter`. */
import { relative } from 'node:path'
import { parseArgs } from 'node:util'
import { install } from './install.ts'
import { createProject, type Problem } from './project.ts'

const HELP = `Writes a small adapter project: one form, its handler, its test.

Usage: npm create @formbuilder/adapter [folder] [-- options]

  folder           where to write it; made if it is missing, and must be empty. Default: my-adapter
  --no-install     do not run npm install
  --help           show this

Example: npm create @formbuilder/adapter complaints
`

process.exitCode = main(process.argv.slice(2))

/** Returns the exit code: 0 done, 1 refused or failed, 2 called wrongly. */
function main(args: readonly string[]): number {
  const called = read(args)
  if (typeof called === 'string') {
    process.stderr.write(`${called}\n\n${HELP}`)
    return 2
  }
  if (called.help) {
    process.stdout.write(HELP)
    return 0
  }
  const created = createProject(called.folder)
  if ('problem' in created) {
    process.stderr.write(`${created.problem}\n`)
    return 1
  }
  const { folder, files } = created
  process.stdout.write(`Wrote ${files} files to ${folder}\n`)
  const installed = called.install && install(folder)
  const problem = called.install && !installed ? 'npm install failed: put that right and run it again.\n' : ''
  process.stderr.write(problem)
  process.stdout.write(nextSteps(folder, installed))
  return problem === '' ? 0 : 1
}

interface Call {
  readonly folder: string
  readonly install: boolean
  readonly help: boolean
}

function read(args: readonly string[]): Call | Problem['problem'] {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { help: { type: 'boolean', short: 'h' }, 'no-install': { type: 'boolean' } },
    })
    if (positionals.length > 1) return `One folder is enough, not ${positionals.length}.`
    return {
      folder: positionals[0] ?? 'my-adapter',
      install: values['no-install'] !== true,
      help: values.help === true,
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function nextSteps(folder: string, installed: boolean): string {
  const steps = [
    `cd ${relative('', folder) || '.'}`,
    ...(installed ? [] : ['npm install']),
    'npm test          # one submission, encrypted as Form Builder does, through your handler',
    'npm run dev       # the adapter on https://localhost:3000',
    'npm run send      # in another terminal: sends it a submission',
  ]
  return `\nNext:\n${steps.map((step) => `  ${step}\n`).join('')}`
}
