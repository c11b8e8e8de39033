/** The form "Make a complaint": an e-mail of each to the mailbox of the team. */
import { defineForm, PermanentError } from '@formbuilder/adapter-sdk'
import { answers, text } from '@formbuilder/adapter-sdk/answers'
import type { Notify } from './notify.ts'

export interface ComplaintOptions {
  readonly templateId: string
  readonly emailAddress: string
  /** How long Notify finds an e-mail that it has sent, in days. */
  readonly retentionDays: number
}

export function complaint(notify: Notify, { templateId, emailAddress, retentionDays }: ComplaintOptions) {
  return defineForm({
    path: '/v2/complaint',
    // Notify sends an e-mail twice that it gets twice. So it is asked first, when the outcome is unknown.
    repeatable: false,
    timeoutSeconds: 60,
    // When it is busy, Notify saves an e-mail some time after it has answered, and finds it only then.
    settleSeconds: 300,
    answers: answers({ yourname_text_1: text, yourcomplaint_textarea_1: text }),
    advice: {
      ERR_NOTIFY_REFUSED:
        'Compare the template with what the adapter sends, and look whether the service is live. Then redrive.',
      ERR_NOTIFY_ACCESS: 'Check the API key, the URL and the clock of the machine. It is tried again by itself.',
      ERR_NOTIFY_LIMIT: 'Ask Notify for a higher limit. It is tried again by itself.',
      ERR_NOTIFY_UNCERTAIN: 'Nothing: Notify is asked whether it has the e-mail.',
      ERR_NOTIFY_FORGOTTEN:
        'Look for the submissionId in the mailbox. If it is not there, see the README of this adapter.',
    },
    async handle({ submissionId, submissionAnswers: { yourname_text_1, yourcomplaint_textarea_1 } }, context) {
      const { attachments, signal } = context
      const id = await notify.send(
        {
          template_id: templateId,
          email_address: emailAddress,
          personalisation: {
            submission_id: submissionId,
            name: plain(yourname_text_1),
            complaint: plain(yourcomplaint_textarea_1),
            files: attachments.length === 0 ? 'none' : attachments.map(({ url }) => url),
          },
          reference: submissionId,
        },
        signal,
      )
      return { reference: id }
    },
    async confirm({ submissionId }, { receivedAt, signal }) {
      const id = await notify.find(submissionId, signal)
      if (id !== undefined) return { reference: id }
      // What was sent before that would not be found any more.
      if (Date.now() - receivedAt.getTime() < retentionDays * 86_400_000) return undefined
      const message = `Notify keeps e-mails for ${retentionDays} days, so nobody knows whether it was sent`
      throw new PermanentError(message, { code: 'ERR_NOTIFY_FORGOTTEN' })
    },
  })
}

/** Notify makes a link of `[words](address)`. An address that a citizen wrote must be seen, before anybody follows it. */
function plain(answer: string): string {
  return answer.replaceAll('](', '] (')
}
