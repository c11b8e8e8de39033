/** The command `optics-stand-in`. */
import { readFileSync } from 'node:fs'
import { completionScript, type Shell } from '@formbuilder/adapter-sdk/cli'
import { Command, InvalidArgumentError, Option } from 'commander'
import { EXIT_CODES } from './exit-codes.ts'
import { startOpticsStandIn } from './index.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const program = new Command('optics-stand-in')
  .description('A stand-in for Optics (iCasework): creates cases in memory, and fails on request.')
  .version(version)
  .addOption(
    new Option('--port <number>', 'port to listen on; 0: any').env('PORT').default(8600).argParser(number(0, 65_535)),
  )
  .addOption(new Option('--host <address>', 'address to listen on').default('127.0.0.1'))
  .addOption(
    new Option('--cert <file>', 'certificate chain in PEM; without it the stand-in uses HTTP').env('TLS_CERT_FILE'),
  )
  .addOption(new Option('--key <file>', 'private key in PEM').env('TLS_KEY_FILE'))
  .addOption(new Option('--api-key <text>', 'issuer that may get tokens; required').env('OPTICS_API_KEY'))
  .addOption(new Option('--secret-key <text>', 'key that verifies its signature; required').env('OPTICS_SECRET_KEY'))
  .addOption(
    new Option('--token-seconds <number>', 'lifetime of a token').default(3600).argParser(number(1, 86_400_000)),
  )
  .addOption(new Option('--types <list>', 'accepted values of Type, separated by commas; default: those of HMCTS'))
  .addOption(
    new Option('--document-origin <url>', 'fetch documents from this origin instead of the one in their URL').argParser(
      origin,
    ),
  )
  .addOption(
    new Option('--completion <shell>', 'print a script with which the tab key completes options').choices([
      'bash',
      'zsh',
    ]),
  )
  .showHelpAfterError('(optics-stand-in --help shows how to use it)')
  .addHelpText(
    'after',
    `\nExit codes:\n${Object.entries(EXIT_CODES)
      .map(([code, meaning]) => `  ${code}  ${meaning}`)
      .join('\n')}`,
  )
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .on('option:completion', (shell: Shell) => {
    process.stdout.write(`${completionScript(program, shell, 'optics-stand-in')}\n`)
    process.exit(0)
  })
  .allowExcessArguments(false)
program.parse()

interface Options {
  readonly port: number
  readonly host: string
  readonly cert?: string
  readonly key?: string
  readonly apiKey?: string
  readonly secretKey?: string
  readonly tokenSeconds: number
  readonly types?: string
  readonly documentOrigin?: string
}

await start(program.opts<Options>()).catch((error: unknown) => {
  const { code } = error as NodeJS.ErrnoException
  process.stderr.write(`error: the stand-in cannot start (${code ?? (error as Error).name})\n`)
  process.exitCode = 1
})

async function start(options: Options): Promise<void> {
  const { port, host, cert, key, apiKey, secretKey, tokenSeconds, types, documentOrigin } = options
  if (apiKey === undefined) return program.error("error: required option '--api-key <text>' not specified")
  if (secretKey === undefined) return program.error("error: required option '--secret-key <text>' not specified")
  if ((cert === undefined) !== (key === undefined)) program.error('error: --cert and --key must be used together')
  const standIn = await startOpticsStandIn({
    port,
    host,
    apiKey,
    secretKey,
    tokenSeconds,
    ...(cert !== undefined && key !== undefined && { tls: { cert: read(cert), key: read(key) } }),
    ...(types !== undefined && { types: types.split(',') }),
    ...(documentOrigin !== undefined && { documentOrigin }),
  })
  console.log(`optics-stand-in listens on ${standIn.url}`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void standIn.stop())
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    return program.error(`error: the file ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

function number(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
  }
}

function origin(text: string): string {
  if (URL.canParse(text) && new URL(text).origin !== 'null') return text
  throw new InvalidArgumentError('It must be a URL such as https://localhost:3000.')
}
