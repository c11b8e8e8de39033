/** The command `submitter`: its options, its help and its exit code. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { type KeygenOptions, keycheck, keygen, send, type TargetOptions, verify } from './commands.ts'
import { exitCode } from './exit-code.ts'
import { type Streams, tell } from './streams.ts'

/** Runs the command with its arguments, and returns its exit code. Never throws. */
export async function main(args: readonly string[], streams: Streams): Promise<number> {
  const program = createProgram(streams)
  try {
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2 // Commander has already told
    tell(error, args.includes('--json'), streams)
    return exitCode(error)
  }
}

/** The program, with every option and its help. */
function createProgram(streams: Streams): Command {
  const program = new Command('submitter')
    .description("Form Builder's side of an adapter: sends a submission, verifies an endpoint, makes a key.")
    .version(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => streams.stdout.write(text), writeErr: (text) => streams.stderr.write(text) })
    .addHelpText('after', EXIT_HELP)

  targeted(program.command('send'))
    .description('Encrypts a submission as Form Builder does, and posts it.')
    .argument('<file>', 'JSON of a submission; - reads standard input')
    .option('--retry <times>', 'try again when there is no answer, or 429 or 5xx (0 to 25)', whole(0, 25), 0)
    .addHelpText('after', SEND_HELP)
    .action((file: string, options: TargetOptions & { retry: number }) => send(file, options, streams))

  targeted(program.command('verify'))
    .description('Asks an endpoint to prove that it holds the key. Nothing is stored, no case is made.')
    .addHelpText('after', VERIFY_HELP)
    .action((options: TargetOptions) => verify(options, streams))

  program
    .command('keygen')
    .description('Makes a shared key of letters and digits.')
    .addOption(
      new Option('--length <characters>', '16: A128GCM, as Form Builder uses; 32: A256GCM')
        .choices(['16', '32'])
        .default('16'),
    )
    .option('--out <file>', 'write it to a new file that only you may read, instead of printing it')
    .option('--json', 'print one line of JSON')
    .addHelpText('after', KEYGEN_HELP)
    .action((options: KeygenOptions) => keygen(options, streams))

  program
    .command('keycheck')
    .description('Says what is wrong with a key, if anything. Never prints it.')
    .requiredOption('--key-file <file>', 'file that holds the shared key and nothing else')
    .option('--json', 'print one line of JSON')
    .action((options: { keyFile: string; json?: true }) => keycheck(options, streams))

  return program
}

function targeted(command: Command): Command {
  return command
    .requiredOption('--endpoint <url>', "the form's address: https, on gov.uk")
    .requiredOption('--key-file <file>', 'file that holds the shared key and nothing else')
    .option('--timeout-seconds <seconds>', 'time for one attempt (1 to 600)', whole(1, 600), 60)
    .option('--allow-local', 'development only: also send to localhost, at any port')
    .option('--ca-file <file>', 'with --allow-local: certificate authority to trust for localhost (PEM)')
    .option('--json', 'print one line of JSON')
}

function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN
    if (number >= least && number <= most) return number
    throw new InvalidArgumentError(`a whole number from ${least} to ${most} is needed.`)
  }
}

const EXIT_HELP = `
Exit codes:
  0  done
  1  a defect in the submitter
  2  wrong command line, or a file that cannot be used
  3  the endpoint is refused: nothing was sent
  4  the key is wrong: nothing was sent
  5  the submission is wrong: nothing was sent
  6  the receiver answered, and did not accept
  7  no answer from the receiver
  8  the endpoint did not prove that it holds the key`
const SEND_HELP = `
Examples:
  submitter send --endpoint https://adapter.service.gov.uk/v2/complaint --key-file key.txt submission.json
  submitter send --endpoint https://localhost:8443/v2/complaint --allow-local --ca-file ca.pem --key-file key.txt - < submission.json`
const VERIFY_HELP = `
Example:
  submitter verify --endpoint https://adapter.service.gov.uk/v2/complaint --key-file key.txt`
const KEYGEN_HELP = `
Examples:
  submitter keygen --out key.txt
  submitter keygen --length 32 --out key.txt`
