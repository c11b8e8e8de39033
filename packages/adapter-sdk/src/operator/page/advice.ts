/** Advises operators on each code of a dead letter. */
import { ERRORS, type ErrorCode } from '../../errors.ts'

export interface Advice {
  /** What a code of the SDK means. A form describes its own codes. */
  readonly meaning: string | undefined
  readonly todo: string
}

/** Advice by form and code: the form's own text first; a code without one gets general advice. */
export type Advise = (of: { form: string; code: string | null; uncertain: boolean }) => Advice

/** `ofForms`: the advice of each form for the codes that its handler throws. */
export function advisor(ofForms: ReadonlyMap<string, Readonly<Record<string, string>>>): Advise {
  return ({ form, code, uncertain }) => {
    const own = ofForms.get(form)?.[code ?? '']
    const ours = code !== null && isOurs(code) ? code : undefined
    const meaning = ours === undefined ? undefined : ERRORS[ours].meaning.replaceAll('`', '')
    // If a case may exist, that matters more than the code.
    const fallback = uncertain ? UNCERTAIN : ours === undefined ? UNKNOWN : (NEXT_STEPS[ours] ?? UNKNOWN)
    return { meaning, todo: own ?? fallback }
  }
}

function isOurs(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code)
}

const UNKNOWN =
  'Open one of them and read why its last attempt failed. Fix the cause, then redrive. Discard only if somebody has made the case by hand.'
const UNCERTAIN =
  'Search the case system for the submission ID first. If the case is there, discard the submission and note the reference of the case. If it is not, redrive to handle the submission again.'
const KEYS =
  'The submission was encrypted with a key that this adapter no longer has. Add the key to JWE_PREVIOUS_KEYS, restart, then redrive.'
const FILES =
  'A file could not be fetched for as long as ATTACHMENT_PATIENCE_HOURS says, in 3 deliveries at least. Ask the sender to deliver the submission again with fresh links: the new copy replaces this one. Redrive only if the case should be made without the file.'

const NEXT_STEPS: Readonly<Partial<Record<ErrorCode, string>>> = {
  ERR_JWE_INVALID: KEYS,
  ERR_JWE_DECRYPTION_FAILED: KEYS,
  ERR_SUBMISSION_INVALID:
    'The form has changed, and no longer accepts the stored submission. Release a version that accepts both, then redrive.',
  ERR_ANSWERS_INVALID:
    'The published form no longer fits the schema of the adapter. The reason names the fields. Change the schema or the form, release it, then redrive. No submission is lost until then.',
  ERR_ATTACHMENT_MISSING: FILES,
  ERR_ATTACHMENT_CORRUPT:
    'The stored file is damaged. Restore it from a backup, or ask the sender to deliver the submission again, then redrive.',
  ERR_ATTACHMENT_NOT_FOUND:
    'The stored file is gone. Restore it from a backup, or ask the sender to deliver the submission again, then redrive.',
  ERR_HANDLER_FAILED:
    'The handler failed with an error that has no code. The reason has its name and the lines of code that it came from. Fix the cause, then redrive. Before you discard it, search the case system.',
  ERR_HANDLER_RETRY:
    'The case system asked to be left alone for longer than all retries last. Check that it is available, then redrive.',
  ERR_HANDLER_PERMANENT:
    'The case system refused it, and retrying cannot help. Fix what the reason names, then redrive.',
  ERR_ATTEMPT_TIMEOUT: UNCERTAIN,
  ERR_ATTEMPT_LOST: UNCERTAIN,
  ERR_OUTCOME_UNCERTAIN: UNCERTAIN,
  ERR_RETRIES_EXHAUSTED:
    'All retries failed, over several days. Check that the case system is available and accepts requests from this adapter, then redrive all of them. Before you discard one, search the case system: a request without an answer may have made the case.',
  ERR_INTERNAL:
    'The adapter has a defect. Keep the submission and tell the developers. Redrive after they have released a fix.',
}
