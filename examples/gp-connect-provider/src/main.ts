/** Starts the example with the settings of the environment, and stops it on SIGTERM or SIGINT. */
import { ConfigError, createProvider, logEvents } from '@formbuilder/gp-connect-provider'
import { type DestinationStream, pino } from 'pino'
import { type Configuration, readConfiguration } from './configuration.ts'
import { HANDLERS, TEST_INTERACTIONS } from './interactions.ts'

await run()

async function run(): Promise<void> {
  const configuration = configurationOrExit()
  const log = pino({ level: configuration.logLevel, timestamp: pino.stdTimeFunctions.isoTime }, logOutput())
  // Log only the name of an unexpected error, because its message may quote a record.
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ event: 'process.failed', during: event, error: nameOf(error) })
      process.exit(1)
    })
  }
  try {
    const { serviceRoots } = configuration.provider
    const provider = createProvider({
      ...configuration.provider,
      serviceRoots: Object.fromEntries(
        Object.entries(serviceRoots).map(([path, root]) => [
          path,
          { ...root, add: [root?.add ?? [], TEST_INTERACTIONS].flat() },
        ]),
      ),
      handlers: HANDLERS,
      onEvent: logEvents(log),
    })
    const running = await provider.start(configuration.server)
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void running.stop())
  } catch (error) {
    // Messages of both packages name settings and files, never their contents.
    log.fatal({ event: 'start.failed', reason: error instanceof Error ? error.message : nameOf(error) })
    process.exitCode = 1
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

function configurationOrExit(): Configuration {
  try {
    return readConfiguration(process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) console.error(problem)
    process.exit(1)
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error
}
