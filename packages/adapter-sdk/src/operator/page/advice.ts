/** What an operator is to do about each code of a dead letter. */
import { ERRORS, type ErrorCode } from '../../errors.ts'

export interface Advice {
  /** Of a code of ours; a form describes its own. */
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
    // There may be a case: that comes first, whatever the code is.
    const fallback = uncertain ? UNCERTAIN : ours === undefined ? UNKNOWN : (TODO[ours] ?? UNKNOWN)
    return { meaning, todo: own ?? fallback }
  }
}

function isOurs(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code)
}

const UNKNOWN =
  'Open one of them and read the reason of its last attempt. Redrive when the cause is gone; discard only when the case was made by hand.'
const UNCERTAIN =
  'Search the case system for the submission ID first. If the case is there, discard and note its reference. If it is not, redrive: it is then handled again.'
const KEYS =
  'It was made with a key that this adapter does not have any more. Put the key back into JWE_PREVIOUS_KEYS, restart, then redrive.'
const FILES =
  'A file could not be fetched in three deliveries. Ask the sender to deliver the submission again with fresh links: the new copy replaces this one. Redrive only to make the case without the file.'

const TODO: Readonly<Partial<Record<ErrorCode, string>>> = {
  ERR_JWE_INVALID: KEYS,
  ERR_JWE_DECRYPTION_FAILED: KEYS,
  ERR_SUBMISSION_INVALID:
    'What was stored is no submission for this form any more. Was the form changed since? Release a version that takes both, then redrive.',
  ERR_ANSWERS_INVALID:
    'The form was edited and no longer fits its schema: the reason names the fields. Change the schema or the published form, release, then redrive. Nothing is lost meanwhile.',
  ERR_ATTACHMENT_MISSING: FILES,
  ERR_ATTACHMENT_CORRUPT:
    'The stored file is damaged. Restore it from a backup, or ask the sender to deliver the submission again, then redrive.',
  ERR_ATTACHMENT_NOT_FOUND:
    'The stored file is gone. Restore it from a backup, or ask the sender to deliver the submission again, then redrive.',
  ERR_HANDLER_FAILED:
    'The handler failed in a way that it does not describe. The log has the name of the error beside the submission ID. Repair the cause, then redrive.',
  ERR_HANDLER_PERMANENT: 'The case system refused it for good. Put right what the reason names, then redrive.',
  ERR_ATTEMPT_TIMEOUT: UNCERTAIN,
  ERR_ATTEMPT_LOST: UNCERTAIN,
  ERR_OUTCOME_UNCERTAIN: UNCERTAIN,
  ERR_RETRIES_EXHAUSTED:
    'It was tried for days. Check that the case system is up and accepts this adapter, then redrive all of them at once.',
  ERR_INTERNAL: 'A defect of the adapter. Keep it, tell the developers, and redrive after the repair is released.',
}
