/** Environment -> OpticsConfig. Nothing else in this package reads the environment. */
import { choice, type Environment, integer, readSettings, required, type Setting, text } from '@formbuilder/adapter-sdk'

/** What the adapter has to know of Optics. */
export interface OpticsConfig {
  /** Where Optics is: scheme, host, perhaps a path, no slash at the end. */
  readonly endpoint: string
  readonly apiKey: string
  readonly secretKey: string
  /** IANA name of the time zone whose day is the day of receipt. */
  readonly timeZone: string
  /** `external-id`: the submissionId is sent as ExternalId, and an unknown outcome is looked up by it. */
  readonly duplicateCheck: 'none' | 'external-id'
  /** Value of `Type` in comments. */
  readonly commentType: string
  /** Longest wait for a connection to Optics, and then for an answer, in seconds. */
  readonly timeoutSeconds: number
}

/** Every setting of Optics: the table in README.md is checked against this one. Those of the SDK stand beside them. */
export const OPTICS_SETTINGS = {
  OPTICS_ENDPOINT: endpoint('Where Optics is', 'https://uat.icasework.com'),
  OPTICS_API_KEY: required('Who we are to Optics: the issuer of assertions', { secret: true }),
  OPTICS_SECRET_KEY: required('Key that signs assertions, as text', { secret: true }),
  OPTICS_TIME_ZONE: timeZone(
    'Time zone whose day is RequestDate; `UTC` is what the Ruby adapter used',
    'Europe/London',
  ),
  OPTICS_DUPLICATE_CHECK: choice(
    'Whether the submissionId is sent as ExternalId, so that an unknown outcome can be looked up instead of parked',
    ['none', 'external-id'],
    { default: 'none' },
  ),
  OPTICS_TIMEOUT_SECONDS: integer('Longest wait for a connection to Optics, and then for an answer', {
    default: 60,
    min: 1,
    max: 600,
    unit: 'seconds',
  }),
  COMMENT_TYPE: text('Value of `Type` in comments; Optics refuses comments without one'),
} as const

/** Reads the settings of Optics. Problems name the setting, never its value. */
export function readOpticsConfig(
  environment: Environment,
): { readonly config: OpticsConfig } | { readonly problems: readonly string[] } {
  const { values, problems: found } = readSettings(OPTICS_SETTINGS, environment)
  const problems = [...found, ...together(values, environment['HOST'])]
  if (problems.length > 0) return { problems }
  return {
    config: {
      endpoint: values.OPTICS_ENDPOINT,
      apiKey: values.OPTICS_API_KEY,
      secretKey: values.OPTICS_SECRET_KEY,
      timeZone: values.OPTICS_TIME_ZONE,
      duplicateCheck: values.OPTICS_DUPLICATE_CHECK,
      commentType: values.COMMENT_TYPE ?? '',
      timeoutSeconds: values.OPTICS_TIMEOUT_SECONDS,
    },
  }
}

function endpoint(meaning: string, standard: string): Setting<string> {
  return {
    meaning,
    accepts: '`https` URL without query; `http` to this machine only',
    default: `\`${standard}\``,
    secret: false,
    read: (url = standard) => {
      const parsed = URL.canParse(url) ? new URL(url) : undefined
      if (parsed === undefined) return { problem: 'must be a URL' }
      if (parsed.username || parsed.password || parsed.search || parsed.hash)
        return { problem: 'must be a URL without user, query and fragment' }
      if (parsed.protocol !== 'https:' && !(parsed.protocol === 'http:' && LOOPBACK.test(parsed.hostname)))
        return { problem: 'must begin with https://, unless it leads to this machine' }
      return { value: url.trim().replace(/\/+$/, '') }
    },
  }
}

/** HOST is a setting of the SDK, which does without it. Optics cannot: it fetches files by that name. */
function together({ OPTICS_ENDPOINT }: { readonly OPTICS_ENDPOINT?: string }, host: string | undefined): string[] {
  const isElsewhere = OPTICS_ENDPOINT !== undefined && !LOOPBACK.test(new URL(OPTICS_ENDPOINT).hostname)
  return isElsewhere && !host ? ['HOST is missing: Optics fetches files from https://HOST/v1/attachments/'] : []
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

function timeZone(meaning: string, standard: string): Setting<string> {
  return {
    meaning,
    accepts: 'IANA time zone',
    default: `\`${standard}\``,
    secret: false,
    read: (zone = standard) => {
      try {
        new Intl.DateTimeFormat('en-GB', { timeZone: zone })
        return { value: zone }
      } catch {
        return { problem: 'must be an IANA time zone, such as Europe/London or UTC' }
      }
    },
  }
}
