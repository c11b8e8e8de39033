/** What the three programs share: a provider with the settings and the records of the example with Koa. */
import { readConfiguration } from '@formbuilder/example-gp-connect-provider/configuration'
import { TEST_INTERACTIONS } from '@formbuilder/example-gp-connect-provider/interactions'
import { createProvider, logEvents, type RunningProvider } from '@formbuilder/gp-connect-provider'
import { pino } from 'pino'

const { provider: options, server, logLevel } = readConfiguration(process.env)

/** Where the provider listens, and which clients it accepts. */
export const settings = server

/** A provider without handlers: a listener answers instead. */
export const provider = createProvider({
  ...options,
  serviceRoots: Object.fromEntries(
    Object.entries(options.serviceRoots).map(([path, root]) => [
      path,
      { ...root, add: [root.add ?? [], TEST_INTERACTIONS].flat() },
    ]),
  ),
  onEvent: logEvents(pino({ level: logLevel })),
})

/** Lets running requests finish when the process is told to end. */
export function stopOnSignal(running: RunningProvider): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void running.stop())
}
