/** Defines the command `submitter`: its options, its help and its exit codes. */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { type KeygenOptions, keycheck, keygen, verify } from './commands.ts'
import { EXIT_MEANINGS, exitCode } from './exit-code.ts'
import { type SendOptions, send } from './send.ts'
import { printError, type Streams } from './streams.ts'
import type { TargetOptions } from './target.ts'

/** Runs the command and returns its exit code. Never throws. */
export async function main(args: readonly string[], streams: Streams): Promise<number> {
  const program = createProgram(streams)
  try {
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2 // Commander has printed the error
    printError(error, args.includes('--json'), streams)
    return exitCode(error)
  }
}

function createProgram(streams: Streams): Command {
  const program = new Command('npx @formbuilder/submitter')
    .description('Sends submissions to an adapter as Form Builder does, verifies endpoints and makes keys.')
    .version(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version)
    .exitOverride()
    .showHelpAfterError('(npx @formbuilder/submitter --help shows how to use it)')
    .configureOutput({ writeOut: (text) => streams.stdout.write(text), writeErr: (text) => streams.stderr.write(text) })
    .addHelpText('after', EXIT_HELP)

  withTargetOptions(program.command('send'))
    .description('encrypt a submission as Form Builder does, and send it')
    .argument('<file>', 'file with the JSON of a submission; - reads standard input')
    .option('--retry <times>', 'how often to try again after no answer, 429 or 5xx (0 to 25)', wholeNumber(0, 25), 0)
    .option('--submission-id <id>', 'send it under this id, whether or not it has one')
    .option('--repeat', 'try again as Form Builder does, after anything but 2xx: 25 times in 20 days')
    .option('--speed <times>', 'with --repeat: how many times faster (1 to 1000000)', wholeNumber(1, 1_000_000))
    .option('--capture <file>', 'record the requests in a new file for a bug report, without key, answers and files')
    .option('--file <path>', 'with --allow-local: attach this file and serve it; may be repeated', collect)
    .option('--file-port <port>', 'port of this machine at which files are served', wholeNumber(1, 65_535), 9443)
    .option(
      '--certificate-folder <folder>',
      'where the certificate of the served files is kept',
      join(homedir(), '.formbuilder-submitter'),
    )
    .addHelpText('after', SEND_HELP)
    .action((file: string, options: SendOptions) => send(file, options, streams))

  withTargetOptions(program.command('verify'))
    .description('ask an endpoint to prove that it has the key; the adapter stores nothing and creates no case')
    .addHelpText('after', VERIFY_HELP)
    .action((options: TargetOptions) => verify(options, streams))

  program
    .command('keygen')
    .description('make a shared key of letters and digits')
    .addOption(
      new Option('--length <characters>', '16: A128GCM, as Form Builder uses; 32: A256GCM')
        .choices(['16', '32'])
        .default('16'),
    )
    .option('--out <file>', 'write the key to a new file that only you can read, instead of printing it')
    .option('--json', 'print the result as one line of JSON')
    .addHelpText('after', KEYGEN_HELP)
    .action((options: KeygenOptions) => keygen(options, streams))

  program
    .command('keycheck')
    .description('check a key and report problems; never prints the key')
    .requiredOption('--key-file <file>', 'file that contains only the shared key')
    .option('--json', 'print the result as one line of JSON')
    .action((options: { keyFile: string; json?: true }) => keycheck(options, streams))

  program
    .command('completion')
    .description('print a script with which the tab key completes commands and options')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh']))
    .option('--as <word>', 'what starts the program in your shell, such as an alias', word, 'submitter')
    .action(async (shell: 'bash' | 'zsh', { as }: { as: string }) => {
      // An adapter comes with it, which nothing else here needs.
      const { completionScript } = await import('@formbuilder/adapter-sdk/cli')
      streams.stdout.write(`${completionScript(program, shell, as)}\n`)
    })

  return program
}

function word(text: string): string {
  if (/^[\w.-]+$/.test(text)) return text
  throw new InvalidArgumentError('It must be a word of letters, digits, dots and hyphens.')
}

function withTargetOptions(command: Command): Command {
  return command
    .requiredOption('--endpoint <url>', "the form's URL: https, on gov.uk")
    .requiredOption('--key-file <file>', 'file that contains only the shared key')
    .option('--timeout-seconds <seconds>', 'time allowed for one attempt (1 to 600)', wholeNumber(1, 600), 60)
    .option(
      '--allow-local',
      'development only: also allow this machine, on any port; by http only 127.0.0.0/8 and [::1]',
    )
    .option('--ca-file <file>', 'with --allow-local: certificate authority to trust for this machine (PEM)')
    .option('--json', 'print the result as one line of JSON')
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN
    if (number >= least && number <= most) return number
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
  }
}

const EXIT_HELP = `
Exit codes:
${Object.entries(EXIT_MEANINGS)
  .map(([code, meaning]) => `  ${code}  ${meaning}`)
  .join('\n')}`
const SEND_HELP = `
Examples:
  npx @formbuilder/submitter send --endpoint https://adapter.service.gov.uk/v2/complaint --key-file key.txt submission.json
  npx @formbuilder/submitter send --endpoint https://localhost:8443/v2/complaint --allow-local --ca-file ca.pem --key-file key.txt - < submission.json
  npx @formbuilder/submitter send --endpoint http://127.0.0.1:3000/v2/complaint --allow-local --key-file key.txt submission.json`
const VERIFY_HELP = `
Example:
  npx @formbuilder/submitter verify --endpoint https://adapter.service.gov.uk/v2/complaint --key-file key.txt`
const KEYGEN_HELP = `
Examples:
  npx @formbuilder/submitter keygen --out key.txt
  npx @formbuilder/submitter keygen --length 32 --out key.txt`
