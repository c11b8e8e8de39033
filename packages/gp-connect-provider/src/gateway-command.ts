/** The command `gateway`: a provider in front of a system that speaks HTTP, configured by a file. */
import { parseArgs } from 'node:util'
import { type DestinationStream, pino } from 'pino'
import { EXIT_CODES as AUDIT_EXITS, mistakeText, type Output, version } from './audit-command.ts'
import { ConfigError } from './config-error.ts'
import { isReady, startHealth } from './gateway/health.ts'
import { type GatewayFile, readGatewayFile } from './gateway-file.ts'
import { createProvider } from './provider.ts'
import { logEvents } from './server/events.ts'

/** What the exit codes of the commands of the package mean. */
export const EXIT_CODES = {
  ...AUDIT_EXITS,
  1: 'the trail is broken, or has a line that was changed; the gateway cannot start or does not serve, or its file is wrong',
} as const

const NAME = 'npx @formbuilder/gp-connect-provider gateway'
const HELP = `Usage: ${NAME} --config <file> [options]

Checks and audits each request, then forwards it to the system that the file
names. README.md describes the file, which is JSON. Stops on SIGTERM or SIGINT,
once running requests have finished.

Options:
  --config <file>  what the gateway is to do; required
  --check          read the file and those that it names, print everything that
                   is wrong, and start nothing
  --health         ask the running gateway of the file whether it serves
  -V, --version    output the version number
  -h, --help       display help for command

Exit codes:
  0  done
  1  the gateway cannot start or does not serve, or its file is wrong
  2  ${EXIT_CODES[2]}`

const OPTIONS = {
  config: { type: 'string' },
  check: { type: 'boolean' },
  health: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
} as const

/** Runs the command with its arguments. Resolves to the exit code; while a gateway runs, when it has stopped. */
export async function runGatewayCommand(args: readonly string[], output: Output): Promise<keyof typeof EXIT_CODES> {
  let values: ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']
  try {
    values = parseArgs({ args: [...args], options: OPTIONS }).values
  } catch (error) {
    return mistake(output, mistakeText(error))
  }
  if (values.help === true) {
    await output.write(`${HELP}\n`)
    return 0
  }
  if (values.version === true) {
    await output.write(`${version()}\n`)
    return 0
  }
  if (values.config === undefined) return mistake(output, "required option '--config <file>' not specified")
  if (values.check === true && values.health === true) return mistake(output, '--check and --health cannot be combined')
  let file: GatewayFile
  try {
    file = readGatewayFile(values.config)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) output.error(`${problem}\n`)
    return 1
  }
  if (values.check === true) {
    await output.write('nothing is wrong\n')
    return 0
  }
  if (values.health === true) return askHealth(file, output)
  return await serve(file)
}

function mistake(output: Output, what: string): 2 {
  output.error(`error: ${what}\n(${NAME} --help shows how to use it)\n`)
  return 2
}

async function askHealth({ healthPort }: GatewayFile, output: Output): Promise<0 | 1> {
  if (healthPort === undefined || healthPort === 0) output.error('the file has no health.port\n')
  return healthPort !== undefined && (await isReady(healthPort)) ? 0 : 1
}

async function serve({ provider: options, server, upstream, healthPort, logLevel, graceSeconds }: GatewayFile) {
  const log = pino({ level: logLevel }, logOutput())
  // Only the name of an unexpected error, because its message may quote a record.
  for (const during of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(during, (error: unknown) => {
      log.fatal({ event: 'process.failed', during, error: nameOf(error) })
      process.exit(1)
    })
  }
  const told = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
  })
  try {
    const { url, ...forward } = upstream
    const provider = createProvider({ ...options, onEvent: logEvents(log) })
    await using running = await provider.start(server, provider.forward(url, forward))
    const health = healthPort === undefined ? undefined : await startHealth(healthPort, () => running.problems())
    if (health !== undefined) log.info({ event: 'health.listening', port: health.port })
    await told
    await running.stop({ graceSeconds })
    await health?.close()
    return 0
  } catch (error) {
    // Messages of both packages name settings and files, never their contents.
    log.fatal({ event: 'start.failed', reason: error instanceof Error ? error.message : nameOf(error) })
    return 1
  }
}

/** Standard output. While nothing reads it, lines are kept up to a bound and then dropped, and requests are still served. */
function logOutput(): DestinationStream {
  // Once its stream exists, Node has a pipe fail instead of wait when it is full.
  void process.stdout
  const output = pino.destination({ dest: 1, sync: true, maxLength: 262_144, retryEAGAIN: () => false })
  // Without a listener the first such failure would end the process. The next line tries again.
  output.removeAllListeners('error').on('error', () => undefined)
  return output
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error
}
