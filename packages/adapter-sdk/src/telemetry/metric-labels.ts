/** The values that each label of a metric may have: a closed set, fixed at the start of the process. */
import { ERRORS } from '../errors.ts'
import type { Form } from '../form.ts'

/** Every value that a label may have apart from `other`, by the name of the label. */
export type LabelSets = Readonly<Record<LabelName, ReadonlySet<string>>> & {
  /** The codes that a refused delivery may have: a subset of `code`. */
  readonly refusal: ReadonlySet<string>
}

export type LabelName =
  | 'form'
  | 'host'
  | 'code'
  | 'position'
  | 'use'
  | 'outcome'
  | 'during'
  | 'reason'
  | 'layer'
  | 'listener'

/** Returns the label values for these forms. `keys`: the length of the longest keyring; `hosts`: entries of `ATTACHMENT_HOSTS`. */
export function labelSets(
  forms: ReadonlyMap<string, Pick<Form, 'advice'>>,
  keys: number,
  hosts: readonly string[] = [],
): LabelSets {
  const codes = [...forms.values()].flatMap(({ advice }) => Object.keys(advice ?? {}))
  return {
    form: new Set(forms.keys()),
    host: new Set(hosts),
    code: new Set([...Object.keys(ERRORS), ...codes]),
    refusal: new Set(Object.entries(ERRORS).flatMap(([code, entry]) => ('status' in entry ? [code] : []))),
    position: new Set(Array.from({ length: keys }, (_, position) => String(position))),
    use: new Set(['received', 'delivered']),
    outcome: new Set([...ATTEMPT_OUTCOMES, ...TARGET_OUTCOMES]),
    during: new Set(STORE_WORK),
    reason: new Set([...REQUEST_REFUSALS, ...CONNECTION_REFUSALS, ...PAGE_REFUSALS]),
    layer: new Set(['request', 'connection', 'page']),
    listener: new Set(['web', 'operator']),
  }
}

/** Returns the value if its set has it, otherwise `other`, so that nobody outside can create new time series. */
export function closed(sets: LabelSets, name: LabelName, value: string): string {
  return sets[name].has(value) ? value : OTHER
}

/** Replaces every value that is in no set. */
export const OTHER = 'other'

const ATTEMPT_OUTCOMES = ['delivered', 'confirmed', 'failed']
const TARGET_OUTCOMES = ['1xx', '2xx', '3xx', '4xx', '5xx', 'failed']
/** Refusals that a wrong proxy causes. */
export const PROXY_REFUSALS = ['proxy-untrusted', 'forwarded-proto'] as const

const STORE_WORK = [
  ...['look up', 'count', 'check', 'accept', 'claim', 'settle', 'heartbeat', 'supervision', 'idle', 'run'],
  'keys',
  'check-in',
]
const REQUEST_REFUSALS = [
  ...['malformed', 'framing', 'host', 'target', 'duplicate-header', 'method', 'timeout', 'headers-too-large'],
  ...['body-too-large', 'expectation', 'rate', 'busy', 'bodies', 'certificate-missing', 'certificate-refused'],
  'listener-failed',
  ...PROXY_REFUSALS,
]
const CONNECTION_REFUSALS = ['total', 'address', 'evicted', 'handshake', 'stalled', 'accept']
const PAGE_REFUSALS = ['identity', 'csrf', 'read-only']
