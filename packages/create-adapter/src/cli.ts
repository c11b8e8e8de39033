/** The command behind `npm create @formbuilder/adapter my-adapter`: writes a project and installs its packages. */
import { relative } from 'node:path'
import { parseArgs } from 'node:util'
import type { EXIT_CODES } from './exit-codes.ts'
import { install } from './install.ts'
import { createProject } from './project.ts'

const HELP = `Creates a small adapter project: one form, its handler and its test.

Usage: npm create @formbuilder/adapter [folder] [-- options]

  folder           where to create the project. Must be empty or not exist yet. Default: my-adapter
  --no-install     do not run npm install
  --help           show this help

Example: npm create @formbuilder/adapter complaints
`

process.exitCode = main(process.argv.slice(2))

/** Returns the exit code: 0 success, 1 failure, 2 wrong arguments. */
function main(args: readonly string[]): keyof typeof EXIT_CODES {
  const options = parseOptions(args)
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n\n${HELP}`)
    return 2
  }
  if (options.help) {
    process.stdout.write(HELP)
    return 0
  }
  const created = createProject(options.folder)
  if ('problem' in created) {
    process.stderr.write(`${created.problem}\n`)
    return 1
  }
  const { folder, files } = created
  process.stdout.write(`Wrote ${files} files to ${folder}\n`)
  const installed = options.install && install(folder)
  const failed = options.install && !installed
  if (failed) process.stderr.write('npm install failed. Fix the cause and run it again.\n')
  process.stdout.write(nextSteps(folder, installed))
  return failed ? 1 : 0
}

interface Options {
  readonly folder: string
  readonly install: boolean
  readonly help: boolean
}

/** Returns the options, or what is wrong with the arguments. */
function parseOptions(args: readonly string[]): Options | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { help: { type: 'boolean', short: 'h' }, 'no-install': { type: 'boolean' } },
    })
    if (positionals.length > 1) return `Name one folder, not ${positionals.length}.`
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
    'npm test          # sends encrypted submissions through your handler',
    'npm run dev       # starts the adapter on https://localhost:3000',
    'npm run send      # in another terminal: sends a submission to the adapter',
  ]
  return `\nNext:\n${steps.map((step) => `  ${step}\n`).join('')}`
}
