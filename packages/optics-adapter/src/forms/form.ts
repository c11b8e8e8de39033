/** What the four forms have in common: answers become fields, fields become one case. */
import type { Attachment, Form, Outcome } from '@formbuilder/adapter-sdk'
import type { z } from 'zod'
import { OPTICS_ADVICE } from '../advice.ts'
import type { Answers } from '../answers.ts'
import { createcaseBody, type Fields } from '../createcase.ts'
import { requestDate } from '../request-date.ts'

/** What a mapping is given beside the answers. */
export interface Case {
  /** `YYYY-MM-DD`. */
  readonly requestDate: string
  readonly attachments: readonly Pick<Attachment, 'filename' | 'mimetype' | 'url'>[]
}

/** What distinguishes one form from another. */
export interface Mapping<Known extends Answers> {
  readonly path: string
  readonly answers: z.ZodType<Known>
  fields(answers: Known, details: Case): Fields
}

/** What a form needs of Optics. */
export interface CaseSystem {
  /** IANA time zone of the day of receipt. */
  readonly timeZone: string
  /** Time that an attempt may need when Optics is slow, in seconds. */
  readonly attemptSeconds: number
  /** Makes the case, and sends that request once. */
  createCase(body: Buffer, step: Step): Promise<Outcome>
  /** Looks a case up by the submissionId that was sent as its ExternalId. Absent: it is not sent. */
  readonly findCase?: (submissionId: string, step: Step) => Promise<Outcome | undefined>
}

/** How one step of an attempt may be ended, and announced. */
export interface Step {
  readonly signal: AbortSignal
  /** Called right before a request that Optics may act upon. */
  readonly acting?: () => Promise<void>
}

/** A form that makes one case of each submission, and never makes it again without knowing that it is not there. */
export function opticsForm<Known extends Answers>(mapping: Mapping<Known>, optics: CaseSystem): Form<z.ZodType<Known>> {
  const { findCase } = optics
  return {
    path: mapping.path,
    // Rails answered this path too, and a form's settings are changed by hand.
    aliases: [`${mapping.path}.json`],
    answers: mapping.answers,
    advice: OPTICS_ADVICE,
    repeatable: 'until-acting',
    timeoutSeconds: optics.attemptSeconds,
    async handle({ submissionId, submissionAnswers }, context) {
      const { receivedAt, attachments, signal } = context
      // What the mapping's own schema returned; the compiler cannot see through the generic schema.
      const answers = submissionAnswers as Known
      const details = { requestDate: requestDate(answers, receivedAt, optics.timeZone), attachments }
      const fields = mapping.fields(answers, details)
      const body = createcaseBody(findCase ? { ...fields, ExternalId: submissionId } : fields)
      return optics.createCase(body, { signal, acting: () => context.acting() })
    },
    ...(findCase && { confirm: ({ submissionId }, { signal }) => findCase(submissionId, { signal }) }),
  }
}
