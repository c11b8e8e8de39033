/** The command behind `npm create @formbuilder/adapter my-adapter`: writes a project and installs its packages. */
import { readFileSync } from 'node:fs'
import { basename, relative, resolve } from 'node:path'
import { type Choices, DEFAULTS, nameFor } from './choices.ts'
import type { EXIT_CODES } from './exit-codes.ts'
import { HELP, type Options, parseOptions } from './options.ts'

process.exitCode = await main(process.argv.slice(2))

/** Returns the exit code: 0 success, 1 failure, 2 wrong arguments. */
async function main(args: readonly string[]): Promise<keyof typeof EXIT_CODES> {
  const options = parseOptions(args)
  if (typeof options === 'string') {
    process.stderr.write(`error: ${options}\n(npm create @formbuilder/adapter -- --help shows how to use it)\n`)
    return 2
  }
  if (options.version) {
    process.stdout.write(`${version()}\n`)
    return 0
  }
  if (options.help) {
    process.stdout.write(HELP)
    return 0
  }
  const choices = await choose(options)
  if (choices === undefined) {
    process.stderr.write('Nothing was written.\n')
    return 1
  }
  const { createProject } = await import('./project.ts')
  const created = createProject(choices)
  if ('problem' in created) {
    process.stderr.write(`error: ${created.problem}\n`)
    return 1
  }
  const { folder, files } = created
  process.stdout.write(`Wrote ${files} files to ${folder}\n`)
  const installed = options.install && (await (await import('./install.ts')).install(folder))
  const failed = options.install && !installed
  if (failed) process.stderr.write('error: npm install failed. Fix the cause and run it again.\n')
  process.stdout.write(nextSteps(folder, installed))
  return failed ? 1 : 0
}

/** Asks where there is somebody to ask. Elsewhere it says what was chosen, and how to choose otherwise. */
async function choose({ chosen, asks }: Options): Promise<Choices | undefined> {
  if (asks && process.stdin.isTTY && process.stdout.isTTY) {
    const { ask } = await import('./questions.ts')
    return await ask(chosen)
  }
  const given = Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== undefined))
  const choices = { ...DEFAULTS, ...given } as Omit<Choices, 'name'> & { name?: string }
  const { forms, target, tests } = choices
  process.stdout.write(
    `Forms: ${forms.join(', ')} (--form). Target: ${target} (--target). Tests: ${tests} (--tests). --help shows the others.\n`,
  )
  return { ...choices, name: choices.name ?? nameFor(basename(resolve(choices.folder))) }
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
}

function nextSteps(folder: string, installed: boolean): string {
  const steps = [
    `cd ${relative('', folder) || '.'}`,
    ...(installed ? [] : ['npm install']),
    'npm test          # sends encrypted submissions through your handlers',
    "npm run dev       # starts the adapter, and says where it and the operator's page are",
    'npm run send      # in another terminal: sends a submission to the adapter',
  ]
  return `\nNext:\n${steps.map((step) => `  ${step}\n`).join('')}`
}
