/** What the four forms have in common: answers become fields, fields become one case. */
import type { Attachment, Form } from '@formbuilder/adapter-sdk'
import type { z } from 'zod'
import { OPTICS_ADVICE } from '../advice.ts'
import { createcaseBody, type Fields } from '../client/createcase.ts'
import type { CaseSystem } from '../client/optics.ts'
import type { Answers } from './answers.ts'
import { requestDate } from './request-date.ts'

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
