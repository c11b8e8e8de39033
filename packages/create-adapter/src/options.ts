/** The command line of `npm create @formbuilder/adapter`. */
import { parseArgs } from 'node:util'
import { type Choices, formNames, formsProblem, nameProblem, RUNNERS, TARGETS } from './choices.ts'
import { EXIT_CODES } from './exit-codes.ts'

export const HELP = `Usage: npm create @formbuilder/adapter [folder] [-- options]

Creates a small adapter project: its forms, their handlers and their tests. On a
terminal it asks for what the command does not name. Without one it takes the
defaults.

Arguments:
  folder           where to create the project; empty, or not there yet.
                   Default: my-adapter

Options:
  --name NAME      the name of its package. Default: that of the folder
  --form NAME      a form, such as complaint; once for each form.
                   Default: complaint
  --target TARGET  where submissions are handed to. Default: http
${listOf(TARGETS)}
  --tests RUNNER   what runs the tests. Default: node
${listOf(RUNNERS)}
  --yes, -y        ask nothing, and take the defaults
  --no-install     do not run npm install
  --version, -V    output the version number
  --help, -h       display help for command

Example:
  npm create @formbuilder/adapter complaints -- --form complaint --target csv

Exit codes:
${Object.entries(EXIT_CODES)
  .map(([code, meaning]) => `  ${code}  ${meaning}`)
  .join('\n')}
`

/** What the command line says. What it does not say is undefined. */
export interface Options {
  readonly chosen: { readonly [Name in keyof Choices]?: Choices[Name] | undefined }
  readonly asks: boolean
  readonly install: boolean
  readonly help: boolean
  readonly version: boolean
}

/** Returns the options, or what is wrong with the arguments. */
export function parseOptions(args: readonly string[]): Options | string {
  try {
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS })
    const { name, form, target, tests } = values
    if (positionals.length > 1) return `name one folder, not ${positionals.length}`
    const forms = form === undefined ? undefined : formNames(form)
    const problem =
      (name === undefined ? undefined : nameProblem(name)) ??
      formsProblem(forms ?? []) ??
      wordProblem('--target', target, TARGETS) ??
      wordProblem('--tests', tests, RUNNERS)
    if (problem !== undefined) return problem
    return {
      chosen: {
        folder: positionals[0],
        name,
        forms,
        target: target as Choices['target'] | undefined,
        tests: tests as Choices['tests'] | undefined,
      },
      asks: values.yes !== true,
      install: values['no-install'] !== true,
      help: values.help === true,
      version: values.version === true,
    }
  } catch (error) {
    // The rest of the sentence is about arguments that there are none of.
    const [sentence = ''] = String((error as Error).message).split(/\.(?: |$)/)
    return sentence.charAt(0).toLowerCase() + sentence.slice(1)
  }
}

const OPTIONS = {
  name: { type: 'string' },
  form: { type: 'string', multiple: true },
  target: { type: 'string' },
  tests: { type: 'string' },
  yes: { type: 'boolean', short: 'y' },
  'no-install': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
} as const

function wordProblem(option: string, word: string | undefined, words: object): string | undefined {
  if (word === undefined || Object.hasOwn(words, word)) return undefined
  return `${option} must be one of: ${Object.keys(words).join(', ')}`
}

function listOf(words: Readonly<Record<string, string>>): string {
  return Object.entries(words)
    .map(([word, meaning]) => `${' '.repeat(21)}${word.padEnd(8)}${meaning}`)
    .join('\n')
}
