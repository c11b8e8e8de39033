/** Turns one mapping of answers to Optics fields into a form that creates one case for each submission. */
import type { Attachment, Form } from '@formbuilder/adapter-sdk'
import type { z } from 'zod'
import { opticsAdvice } from '../advice.ts'
import { createcaseBody, type Fields } from '../client/createcase.ts'
import type { CaseSystem } from '../client/optics.ts'
import type { Answers } from './answers.ts'
import { requestDate } from './request-date.ts'

/** What a mapping gets in addition to the answers. */
export interface CaseDetails {
  /** `YYYY-MM-DD`. */
  readonly requestDate: string
  readonly attachments: readonly Pick<Attachment, 'filename' | 'mimetype' | 'url'>[]
}

/** What differs between the four forms. */
export interface Mapping<Known extends Answers> {
  readonly path: string
  readonly answers: z.ZodType<Known>
  fields(answers: Known, details: CaseDetails): Fields
}

/** A form that creates one case for each submission. It never creates it again while the first may exist. */
export function opticsForm<Known extends Answers>(mapping: Mapping<Known>, optics: CaseSystem): Form<z.ZodType<Known>> {
  const { findCase } = optics
  return {
    path: mapping.path,
    // Rails answers this path too, so an endpoint in Form Builder may end in .json.
    aliases: [`${mapping.path}.json`],
    answers: mapping.answers,
    advice: opticsAdvice({ byExternalId: findCase !== undefined }),
    repeatable: 'until-acting',
    timeoutSeconds: optics.attemptSeconds,
    settleSeconds: optics.settleSeconds,
    async handle({ submissionId, submissionAnswers }, context) {
      const { receivedAt, attachments, signal } = context
      // The SDK passes what the mapping's schema returned; the compiler cannot infer that through the generic type.
      const answers = submissionAnswers as Known
      const details = { requestDate: requestDate(answers, receivedAt, optics.timeZone), attachments }
      const fields = mapping.fields(answers, details)
      const body = createcaseBody(findCase ? { ...fields, ExternalId: submissionId } : fields)
      return optics.createCase(body, {
        signal,
        acting: () => context.acting(),
        unnamed: () => context.log.warn({ event: 'optics.case.unnamed' }, 'optics.case.unnamed'),
      })
    },
    ...(findCase && { confirm: ({ submissionId }, { signal }) => findCase(submissionId, { signal }) }),
  }
}
