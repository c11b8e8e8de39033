/** Advises operators on each code of a dead letter: only what is true of its form. */
import { formSuffix } from '../../config.ts'
import { ERRORS, type ErrorCode } from '../../errors.ts'
import type { Form } from '../../form.ts'

export interface Advice {
  /** What a code of the SDK means. A form describes its own codes. */
  readonly meaning: string | undefined
  readonly todo: string
}

/** Dead letters of a form with a code. `reason`: of the one that is asked for; absent: several. */
export interface Advised {
  readonly form: string
  readonly code: string | null
  /** One of them at least. */
  readonly uncertain: boolean
  readonly reason?: string | null
  /** How many; absent where a reason is given. */
  readonly count?: number
}

/** Advice by form and code: the form's own text first; a code without one gets general advice. */
export type Advise = (of: Advised) => Advice

/** What advice depends on of a form. */
export type AdvisedForm = Pick<Form, 'advice' | 'confirm' | 'repeatable'>

/** `forms`: those that this adapter has, with their advice for the codes that their handlers throw. */
export function advisor(forms: ReadonlyMap<string, AdvisedForm>): Advise {
  return (of) => {
    const { code, uncertain } = of
    const form = forms.get(of.form)
    const ours = code !== null && isOurs(code) ? code : undefined
    const meaning = ours === undefined ? undefined : ERRORS[ours].meaning.replaceAll('`', '')
    const own = ownAdvice(form, code)
    if (own !== undefined) return { meaning, todo: own }
    const steps = [ours === undefined ? undefined : NEXT_STEPS[ours]?.(of), lastCodeAdvice(form, of)]
    // If a case may exist, that is what a person has to find out, whatever has to be repaired as well.
    if (uncertain) steps.push(UNCERTAIN(form, of))
    const todo = steps.filter((step) => step !== undefined).join(' ')
    return { meaning, todo: todo === '' ? UNKNOWN(of) : todo }
  }
}

function isOurs(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code)
}

function ownAdvice(form: AdvisedForm | undefined, code: string | null): string | undefined {
  return code !== null && Object.hasOwn(form?.advice ?? {}, code) ? form?.advice?.[code] : undefined
}

/** Where retries were used up, the reason names what the last attempt failed with. */
function lastCodeAdvice(form: AdvisedForm | undefined, { reason }: Advised): string | undefined {
  const [, code, isEnd] = /^\d+ attempts? failed, the last with (\w+)(:)/.exec(reason ?? '') ?? []
  const own = isEnd === undefined ? undefined : ownAdvice(form, code ?? null)
  return own === undefined ? undefined : `The last attempt failed with ${code}: ${own}`
}

const isOne = ({ reason }: Advised) => reason !== undefined

const UNKNOWN = (of: Advised) =>
  `${isOne(of) ? 'Read' : 'Open one of them and read'} why its last attempt failed. Fix the cause, then redrive. Discard only if somebody has made the case by hand.`

function UNCERTAIN(form: AdvisedForm | undefined, of: Advised): string {
  const [it, them] = isOne(of) || of.count === 1 ? ['It is', 'it'] : ['Some are', 'these']
  if (form?.confirm !== undefined) {
    return `${it} uncertain: a case may exist. When the case system answers, redrive ${them}: the adapter asks it for the case first, and hands the submission over only if there is none.`
  }
  if (form?.repeatable === true) {
    return `${it} uncertain: a case may exist. Redrive ${them}: in this form it does no harm to handle a submission again.`
  }
  return `${it} uncertain: a case may exist, and the adapter cannot ask for it. Search the case system first. If the case is there, discard the submission and note the reference of the case. If it is not, redrive to handle the submission again.`
}

const KEYS = ({ form }: Advised) =>
  `The submission was encrypted with a key that this adapter no longer has. Add the key to JWE_PREVIOUS_KEYS (to JWE_PREVIOUS_KEYS__${formSuffix(form)} if the form has keys of its own), restart, then redrive.`
const DAMAGED = () =>
  'What was stored of the submission is damaged. Restore it from a backup, then redrive; or ask the sender to deliver the submission again: the new copy replaces a dead letter that is not uncertain.'
const DAMAGED_FILE = (what: string) => () =>
  `The stored file is ${what}. Restore it from a backup, then redrive; or ask the sender to deliver the submission again: the new copy replaces a dead letter that is not uncertain.`

const NEXT_STEPS: Readonly<Partial<Record<ErrorCode, (of: Advised) => string>>> = {
  ERR_JWE_INVALID: DAMAGED,
  ERR_JWE_DECRYPTION_FAILED: KEYS,
  ERR_SUBMISSION_INVALID: () =>
    'This version does not accept the stored submission; the reason names the field. Release a version that accepts it, then redrive.',
  ERR_ANSWERS_INVALID: () =>
    'The schema of the adapter does not accept the answers; the reason names the fields. Change the schema, or the form for what is still to come, and release it. Then redrive. No submission is lost until then.',
  ERR_ATTACHMENT_MISSING: () =>
    'A file could not be fetched for as long as ATTACHMENT_PATIENCE_HOURS says, in 3 deliveries at least. Ask the sender to deliver the submission again with fresh links: the new copy replaces this one. Redrive only if the case should be made without the file.',
  ERR_ATTACHMENT_CORRUPT: DAMAGED_FILE('damaged'),
  ERR_ATTACHMENT_NOT_FOUND: DAMAGED_FILE('gone'),
  ERR_HANDLER_FAILED: () =>
    'The handler failed with an error that has no code. The reason has its name and the lines of code that it came from. Fix the cause, then redrive. Before you discard it, search the case system.',
  ERR_HANDLER_RETRY: () => 'The case system could not take it yet. Check that it is available, then redrive.',
  ERR_HANDLER_PERMANENT: () => 'The handler says that retrying cannot help. Fix what the reason names, then redrive.',
  ERR_ATTEMPT_LOST: () =>
    'Each of its attempts ended with the process that ran it. Find out from the log why these processes ended, as too little memory may be the cause. Fix that, then redrive.',
  ERR_RETRIES_EXHAUSTED: (of) =>
    `All retries failed. Check that the case system is available and accepts requests from this adapter, then redrive${isOne(of) ? '' : ' all of them'}. Before you discard ${isOne(of) ? 'it' : 'one'}, search the case system: a request without an answer may have made the case.`,
  ERR_INTERNAL: () =>
    'The adapter has a defect. Keep the submission and tell the developers. Redrive after they have released a fix.',
}
