/** Reads the environment, once. Nothing else in the package reads `process.env`. */
import { LIMITS, type Limits } from '@formbuilder/secure-server'
import { brokenRules } from './config-rules.ts'
import { SERVER_SETTINGS, SETTINGS, serverSetting } from './config-table.ts'
import { AdapterError } from './errors.ts'
import { type Keyring, keyFormProblem, parseKeyring } from './protocol/keyring.ts'
import { list, readSettings, type Settings, type Values } from './settings.ts'

/** The settings of an adapter, with their values. */
export type Config = Values<typeof SETTINGS> & {
  readonly serverLimits: Partial<Limits>
  /** The keys of each form, by the form's name. */
  readonly keyrings: Readonly<Record<string, Keyring>>
}

/** The environment: texts by name. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads the settings for these forms. `also`: problems found elsewhere, to be reported in the same message.
 * @throws {AdapterError} ERR_CONFIG_INVALID: one message with every problem, and no secret.
 */
export function loadConfig(
  environment: Environment = process.env,
  forms: readonly string[],
  also: readonly string[] = [],
): Config {
  const { values, problems } = readSettings(SETTINGS, environment)
  const server = readSettings(SERVER_SETTINGS, environment)
  const keyrings: Record<string, Keyring> = {}
  // A setting that cannot be read looks like one that is not set: what rules say of it is not the reason.
  const unread = problems.map((problem) => problem.split(' ', 1)[0] ?? '')
  const broken = brokenRules(values, server.values, forms).filter(
    (rule) => !rule.split(/[^A-Z_]+/).some((word) => unread.includes(word)),
  )
  const all = [...also, ...problems, ...server.problems, ...broken]
  for (const form of forms) {
    const keyring = keyringOf(environment, form)
    if ('problem' in keyring) all.push(keyring.problem)
    else keyrings[form] = keyring.value
  }
  all.push(...unusedKeys(environment, forms), ...unreadMode(environment), ...markedNames(environment))
  const found = [...new Set(all)]
  if (found.length > 0) {
    throw new AdapterError(
      'ERR_CONFIG_INVALID',
      `${found.length} setting${found.length === 1 ? '' : 's'} to put right:\n- ${found.join('\n- ')}`,
    )
  }
  const limits = Object.keys(LIMITS).flatMap((name) => {
    const value = server.values[serverSetting(name)]
    // What is not set is left to the server: some of its defaults depend on other limits.
    return value === undefined || !environment[serverSetting(name)] ? [] : [[name, value]]
  })
  return { ...values, keyrings, serverLimits: Object.fromEntries(limits) }
}

/** What is wrong with settings that are not the adapter's own. */
export function problemsWith(settings: Settings = {}, environment: Environment = process.env): readonly string[] {
  return readSettings(settings, environment).problems
}

/** What follows the two underscores in `JWE_SHARED_KEY__COMPLAINT`, the key of the form `complaint`. */
export function formSuffix(form: string): string {
  return form.toUpperCase().replaceAll('-', '_')
}

/** The keys of a form, or what is wrong with them. */
export function keyringOf(environment: Environment, form: string): { value: Keyring } | { problem: string } {
  const own = `JWE_SHARED_KEY__${formSuffix(form)}`
  const name = environment[own] ? own : 'JWE_SHARED_KEY'
  const previousName = environment[own] ? `JWE_PREVIOUS_KEYS__${formSuffix(form)}` : 'JWE_PREVIOUS_KEYS'
  const current = environment[name]
  if (!current) return { problem: `JWE_SHARED_KEY is missing: ${NEW_KEY}` }
  const previous = list('').read(environment[previousName] || undefined)
  if ('problem' in previous) return { problem: `${previousName} ${previous.problem}` }
  const texts = previous.value
  const problem = keyFormProblem(current)
  if (problem !== undefined) return { problem: `${name} ${problem}: ${NEW_KEY}` }
  const wrong = texts.flatMap((text, i) => {
    const why = keyFormProblem(text)
    return why === undefined ? [] : [`${previousName}: key ${i + 1} ${why}`]
  })
  return wrong.length > 0 ? { problem: wrong.join('; ') } : { value: parseKeyring(current, texts) }
}

const NEW_KEY =
  "use the sender's key of 16 or 32 ASCII characters, or make one with `npx @formbuilder/submitter keygen`"

/** The first name of a file of settings that begins with a byte order mark is another name, and would be passed over. */
function markedNames(environment: Environment): string[] {
  return Object.keys(environment).flatMap((name) => {
    const marked = /^(?:\ufeff|\u00ef\u00bb\u00bf)(\w+)$/.exec(name)?.[1]
    return marked === undefined ? [] : [`${marked} follows a byte order mark: save the file of settings without one`]
  })
}

/** The driver would read it; libpq's other variables about TLS are files that stand in the URL here. */
function unreadMode({ PGSSLMODE, DATABASE_URL }: Environment): string[] {
  const isLost = PGSSLMODE && DATABASE_URL && !/[?&]sslmode=/.test(DATABASE_URL)
  return isLost ? ['DATABASE_URL has no sslmode, and PGSSLMODE is not read: write sslmode into the URL'] : []
}

/** Problems of key settings that nothing reads: their form does not exist, or has no current key of its own. */
function unusedKeys(environment: Environment, forms: readonly string[]): string[] {
  const suffixes = forms.map(formSuffix)
  return Object.keys(environment).flatMap((name) => {
    const [, kind, suffix = ''] = /^JWE_(SHARED_KEY|PREVIOUS_KEYS)__(.*)$/.exec(name) ?? []
    if (kind === undefined || !environment[name]) return []
    if (!suffixes.includes(suffix)) return [`${name} does not belong to a form: the forms are ${suffixes.join(', ')}`]
    const own = `JWE_SHARED_KEY__${suffix}`
    return kind === 'PREVIOUS_KEYS' && !environment[own] ? [`${name} needs ${own} too`] : []
  })
}

/** `SHOW_ERRORS` as given to this process. All other settings of an adapter under test are those of its test. */
export function givenShowErrors(environment: Environment = process.env): string | undefined {
  return environment['SHOW_ERRORS']
}
