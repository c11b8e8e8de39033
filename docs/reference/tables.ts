/** Writes the tables of the documentation from the code: `npm run docs:tables`. A test compares them. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ERRORS, SETTINGS, type Settings } from '@formbuilder/adapter-sdk'
import { OPTICS_ERRORS, OPTICS_SETTINGS } from '@formbuilder/optics-adapter'
import { ERRORS as SERVER_ERRORS } from '@formbuilder/secure-server'
import { Registry } from 'prom-client'
import { EXIT_CODES as ADAPTER_EXITS } from '../../packages/adapter-sdk/src/cli.ts'
import { SERVER_SETTINGS } from '../../packages/adapter-sdk/src/config-table.ts'
import { counters } from '../../packages/adapter-sdk/src/telemetry/counters.ts'
import { gauges } from '../../packages/adapter-sdk/src/telemetry/gauges.ts'
import { labelSets } from '../../packages/adapter-sdk/src/telemetry/metric-labels.ts'
import { EXIT_CODES as CREATE_EXITS } from '../../packages/create-adapter/src/exit-codes.ts'
import { EXIT_CODES as AUDIT_EXITS } from '../../packages/gp-connect-provider/src/audit-command.ts'
import { EXIT_CODES as PROVIDER_EXITS } from '../../packages/gp-connect-provider/src/gateway-command.ts'
import { EXIT_CODES as STAND_IN_EXITS } from '../../packages/optics-adapter/src/stand-in/exit-codes.ts'
import { EXIT_MEANINGS as SUBMITTER_EXITS } from '../../packages/submitter/src/exit-code.ts'
import { chartReadme } from './chart.ts'
import { LOGGED } from './events.ts'
import { optionsPages } from './options.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** The generated pages by their path, as they have to be. */
export function pages(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/reference/configuration.md', configuration()],
    ['docs/reference/errors.md', errors()],
    ['docs/reference/exit-codes.md', exitCodes()],
    ['docs/reference/events.md', events()],
    ['docs/reference/metrics.md', metrics()],
    ...optionsPages(ROOT),
    ['docs/architecture.md', architecture()],
    ['packages/optics-adapter/deploy/chart/README.md', chartReadme(ROOT)],
  ])
}

function configuration(): string {
  return `# Configuration

Settings are read from the environment, once, at the start. If a setting is missing or wrong, the adapter does not start: one message names every
problem. Empty text counts as not set. \`npm run docs:tables\` writes this page from the code.

## Adapter

\`JWE_SHARED_KEY__COMPLAINT\` and \`JWE_PREVIOUS_KEYS__COMPLAINT\` are the keys of the form \`complaint\` only.

${settingsTable(SETTINGS)}

## HTTPS server

The limits of the server under the adapter, explained in [its README](../../packages/secure-server/README.md).

${settingsTable(SERVER_SETTINGS)}

## Optics

Read by the [Optics adapter](../../packages/optics-adapter/README.md), in addition to the settings above.

${settingsTable(OPTICS_SETTINGS)}
`
}

function errors(): string {
  const adapter = Object.entries(ERRORS).map(([code, error]) => [
    `\`${code}\``,
    'status' in error ? String(error.status) : '',
    error.meaning,
  ])
  const optics = Object.entries(OPTICS_ERRORS).map(([code, { meaning, end }]) => [`\`${code}\``, meaning, end])
  const server = Object.entries(SERVER_ERRORS).map(([code, meaning]) => [`\`${code}\``, meaning])
  return `# Errors

Every code with its meaning. Decide by the code, never by the text of a message. Messages name fields, counts and positions, never a value.
\`npm run docs:tables\` writes this page from the code.

## Adapter

Over HTTP an error is \`application/problem+json\` (RFC 9457) with its \`code\`. A refused token gets the same answer for every reason, without a code.
Codes without a status never reach HTTP: they are the codes of dead letters, log lines and exceptions.

${table(['code', 'status', 'meaning'], adapter)}

## Optics

Thrown by the handlers of the [Optics adapter](../../packages/optics-adapter/README.md). *retry*: the attempt is repeated. *uncertain*: the case may have
been made.

${table(['code', 'meaning', 'then'], optics)}

## HTTPS server

Thrown at the start, or by \`reload\`, by [secure-server](../../packages/secure-server/README.md).

${table(['code', 'meaning'], server)}
`
}

function metrics(): string {
  const registry = new Registry()
  const sets = labelSets(new Map(), 0)
  counters(registry, sets)
  gauges(registry, sets)
  const rows = registry
    .getMetricsAsArray()
    .map((metric) => metric as unknown as { name: string; type: string; labelNames: readonly string[]; help: string })
    .map(({ name, type, labelNames, help }) => [
      `\`${name}\``,
      type,
      labelNames.map((label) => `\`${label}\``).join(', '),
      help.replaceAll('|', '\\|'),
    ])
  return `# Metrics

Every metric of an adapter at \`/metrics\`, which needs \`METRICS_AUTH_USERNAME\` and \`METRICS_AUTH_PASSWORD\`. Labels have closed sets of values, and
nothing that a citizen wrote. Before these stand the three gauges of the live deployment (\`delayed_jobs_successful\`, \`delayed_jobs_pending\` and \`delayed_jobs_failed\`), after
them those of the process, from [prom-client](https://github.com/siimon/prom-client). \`npm run docs:tables\` writes this page from the code.

${table(['metric', 'type', 'labels', 'meaning'], rows)}
`
}

/** The exit codes of every command, by the name of the command. */
export const COMMANDS: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  adapter: ADAPTER_EXITS,
  'optics-adapter': ADAPTER_EXITS,
  submitter: SUBMITTER_EXITS,
  'create-adapter': CREATE_EXITS,
  'gp-connect-provider': PROVIDER_EXITS,
  'gp-connect-audit': AUDIT_EXITS,
  'gp-connect-verify-audit': AUDIT_EXITS,
  'optics-stand-in': STAND_IN_EXITS,
}

function exitCodes(): string {
  const rows = Object.entries(COMMANDS).flatMap(([command, codes]) =>
    Object.entries(codes).map(([code, meaning]) => [`\`${command}\``, code, meaning]),
  )
  return `# Exit codes

Every command of every package, with what each exit code means. 0, 2 and 130 mean the same everywhere; 1 is a failure; the codes from 3 on are a command's
own. \`npm run docs:tables\` writes this page from the code.

${table(['command', 'code', 'meaning'], rows)}
`
}

function events(): string {
  const tables = Object.entries(LOGGED).map(([title, rows]) => {
    const cells = rows.map(([name, level, meaning]) => [`\`${name}\``, level, meaning])
    return `## ${title}\n\n${table(['event', 'level', 'meaning'], cells)}`
  })
  return `# Events

Each line of a log is one JSON object, with its kind as \`event\` and no field twice. An adapter writes \`time\` in ISO 8601, in UTC; a provider
logs to the logger that it is given: \`timestamp: pino.stdTimeFunctions.isoTime\` has the same form. \`npm run docs:tables\` writes this page from the code.

A field of a handler that has the name of one that is there already (\`form\`, \`submissionId\`, \`attempt\`, \`level\`, \`time\`, \`msg\`) is written as \`field_form\` and so on. Events of the
HTTPS server have \`server.\` before their type in the log of an adapter, and their type alone in that of a provider.

${tables.join('\n\n')}
`
}

interface Room {
  readonly holds: readonly string[]
  readonly imports: readonly string[]
  readonly typesOf?: readonly string[]
  readonly says: string
}

/** The page as it is, with the tables of rooms made anew. */
function architecture(): string {
  const page = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8')
  const packages: Readonly<Record<string, { readonly rooms: Readonly<Record<string, Room>> }>> = JSON.parse(
    readFileSync(join(ROOT, 'docs/architecture.json'), 'utf8'),
  )
  const tables = Object.entries(packages).map(([name, { rooms }]) => {
    const rows = Object.entries(rooms).map(([room, { holds, imports, typesOf = [], says }]) => [
      room,
      holds.map((held) => `\`${held}\``).join(' '),
      [...imports, ...typesOf.map((each) => `${each} (types)`)].join(', ') || 'nothing',
      says,
    ])
    return `### ${name}\n\n${table(['room', 'holds', 'may import', 'what it does'], rows)}`
  })
  return page.replace(
    /(<!-- rooms -->\n)[\s\S]*(<!-- end of rooms -->)/,
    (_, start, end) => `${start}\n${tables.join('\n\n')}\n\n${end}`,
  )
}

function settingsTable(settings: Settings): string {
  const rows = Object.entries(settings).map(([name, setting]) => [
    `\`${name}\``,
    setting.accepts.replaceAll('|', '\\|'),
    setting.default,
    setting.meaning,
  ])
  return table(['setting', 'accepts', 'default', 'meaning'], rows)
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

if (import.meta.main) {
  for (const [path, text] of pages()) writeFileSync(join(ROOT, path), text)
}
