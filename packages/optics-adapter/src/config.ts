/** Reads the settings of Optics from the environment. */
import {
  choice,
  type Environment,
  formed,
  integer,
  readSettings,
  required,
  type Setting,
  text,
} from '@formbuilder/adapter-sdk'

/** How to reach Optics, and how to use it. */
export interface OpticsConfig {
  /** Base URL of Optics, without a slash at the end. */
  readonly endpoint: string
  /** Like `secretKey`, empty in a process that only accepts submissions and was given no keys: it never calls Optics. */
  readonly apiKey: string
  readonly secretKey: string
  /** IANA name of the time zone that decides the day of receipt. */
  readonly timeZone: string
  /** `external-id`: the submissionId is sent as ExternalId and used to find out whether a case exists. */
  readonly duplicateCheck: 'none' | 'external-id'
  /** `optional`: JSON or XML that names neither a case nor an error counts as a case made. Default `required`. */
  readonly caseId?: 'required' | 'optional'
  /** The `Type` of comments in Optics. */
  readonly commentType: string
  /** Longest wait for a connection to Optics, and then for an answer, in seconds. */
  readonly timeoutSeconds: number
  /** How long after an attempt whose outcome is unknown Optics is asked about its case, in seconds. */
  readonly settleSeconds: number
}

/** Every setting of Optics, in addition to those of the SDK. A test compares the table in README.md with this one. */
export const OPTICS_SETTINGS = {
  OPTICS_ENDPOINT: endpoint('Base URL of Optics', 'https://uat.icasework.com'),
  OPTICS_API_KEY: required('Identifies this adapter to Optics; not needed with `ADAPTER_ROLE=web`', { secret: true }),
  OPTICS_SECRET_KEY: required('Key that signs the requests for access tokens; not needed with `ADAPTER_ROLE=web`', {
    secret: true,
  }),
  OPTICS_TIME_ZONE: timeZone('Time zone of RequestDate; the Ruby adapter used `UTC`', 'Europe/London'),
  OPTICS_DUPLICATE_CHECK: choice(
    '`external-id`: send the submissionId as ExternalId, and look the case up when the outcome is unknown',
    ['none', 'external-id'],
    { default: 'none' },
  ),
  OPTICS_CASE_ID: choice(
    'Whether the answer to createcase must name the case; `optional`: JSON or XML that names neither a case nor an error counts as a case made, with a warning',
    ['required', 'optional'],
    { default: 'required' },
  ),
  OPTICS_TIMEOUT_SECONDS: integer('Longest wait for a connection to Optics, and again for its answer', {
    default: 60,
    min: 1,
    max: 600,
    unit: 'seconds',
  }),
  OPTICS_SETTLE_SECONDS: integer(
    'How long Optics may still be making a case after the adapter has given up: it is not asked about the case before',
    { default: 120, min: 1, max: 3600, unit: 'seconds' },
  ),
  COMMENT_TYPE: text('The `Type` of comments; Optics refuses comments without one'),
} as const

/** Reads the settings of Optics. A problem names the setting and never its value. */
export function readOpticsConfig(
  environment: Environment,
): { readonly config: OpticsConfig } | { readonly problems: readonly string[] } {
  const settings = needsNoKeys(environment) ? { ...OPTICS_SETTINGS, ...NO_KEYS } : OPTICS_SETTINGS
  const { values, problems: found } = readSettings(settings, environment)
  const problems = [...found, ...hostProblems(values, environment['HOST'])]
  if (problems.length > 0) return { problems }
  return {
    config: {
      endpoint: values.OPTICS_ENDPOINT,
      apiKey: values.OPTICS_API_KEY ?? '',
      secretKey: values.OPTICS_SECRET_KEY ?? '',
      timeZone: values.OPTICS_TIME_ZONE,
      duplicateCheck: values.OPTICS_DUPLICATE_CHECK,
      caseId: values.OPTICS_CASE_ID,
      commentType: values.COMMENT_TYPE ?? '',
      timeoutSeconds: values.OPTICS_TIMEOUT_SECONDS,
      settleSeconds: values.OPTICS_SETTLE_SECONDS,
    },
  }
}

/** Whether this process only accepts submissions and was given no keys. One key without the other is a mistake in every role. */
function needsNoKeys(environment: Environment): boolean {
  return environment['ADAPTER_ROLE'] === 'web' && !environment['OPTICS_API_KEY'] && !environment['OPTICS_SECRET_KEY']
}

const NO_KEYS = {
  OPTICS_API_KEY: text(OPTICS_SETTINGS.OPTICS_API_KEY.meaning, { secret: true }),
  OPTICS_SECRET_KEY: text(OPTICS_SETTINGS.OPTICS_SECRET_KEY.meaning, { secret: true }),
}

function endpoint(meaning: string, standard: string): Setting<string> {
  const accepts = '`https` URL without query; `http` for this machine only'
  return formed(meaning, accepts, { default: standard }, (url) => {
    const parsed = /\s/.test(url) ? null : URL.parse(url)
    if (parsed === null) return { problem: 'must be a URL' }
    if (parsed.username || parsed.password || /[?#]/.test(url))
      return { problem: 'must be a URL without user, query and fragment' }
    if (parsed.protocol !== 'https:' && !(parsed.protocol === 'http:' && LOOPBACK.test(parsed.hostname)))
      return { problem: 'must start with https://, unless it is on this machine' }
    return { value: url.replace(/\/+$/, '') }
  }) as Setting<string> // there is a default
}

/** HOST is optional in the SDK. It is required here, because Optics fetches files from that host. */
function hostProblems({ OPTICS_ENDPOINT }: { readonly OPTICS_ENDPOINT?: string }, host: string | undefined): string[] {
  const isElsewhere = OPTICS_ENDPOINT !== undefined && !LOOPBACK.test(new URL(OPTICS_ENDPOINT).hostname)
  return isElsewhere && !host ? ['HOST is missing: Optics fetches files from https://HOST/v1/attachments/'] : []
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

function timeZone(meaning: string, standard: string): Setting<string> {
  return formed(meaning, 'IANA time zone', { default: standard }, (zone) => {
    try {
      new Intl.DateTimeFormat('en-GB', { timeZone: zone })
      return { value: zone }
    } catch {
      return { problem: 'must be an IANA time zone, such as Europe/London or UTC' }
    }
  }) as Setting<string> // there is a default
}
