/** Starts an adapter with an operator's page, and submits what its handler accepts, refuses or cannot finish. */
import { createAdapter } from '../../../src/adapter.ts'
import { PermanentError, UncertainError } from '../../../src/errors.ts'
import { startTestAdapter, type TestAdapter } from '../../../src/testing/index.ts'
import { until } from '../../until.ts'

export const OPERATOR = { username: 'operator', password: 'correct horse battery' }

/** What the handler throws, by the word in the answers of a submission. */
const THROWN: Readonly<Record<string, () => Error>> = {
  reject: () => new PermanentError('the team does not exist any more', { code: 'ERR_CASEWORK_TEAM' }),
  unknown: () => new PermanentError('refused', { code: 'ERR_NOBODY_DESCRIBED' }),
  uncertain: () => new UncertainError('no answer in time', { code: 'ERR_CASEWORK_TIMEOUT' }),
  later: () => new Error('down'),
  bug: () =>
    new TypeError('Jane Citizen has no team', {
      cause: Object.assign(new Error('Jane Citizen'), { code: 'ECONNREFUSED', response: { status: 503 } }),
    }),
  doubt: () => new UncertainError('no answer in time', { code: 'ERR_CASEWORK_TIMEOUT' }),
}

/** Starts the adapter. `environment` overrides its settings. */
export async function startOperatedAdapter(environment: Record<string, string> = {}): Promise<TestAdapter> {
  const repaired = new Set<string>()
  return await startTestAdapter(
    createAdapter({
      forms: {
        complaint: {
          path: '/v2/complaint',
          repeatable: false,
          advice: { ERR_CASEWORK_TEAM: 'Add the team to the case system, then redrive.' },
          async handle({ submissionId, submissionAnswers }) {
            const { fails } = submissionAnswers as { fails?: string }
            if (fails !== undefined && (fails === 'doubt' || !repaired.has(submissionId))) {
              if (fails !== 'later') repaired.add(submissionId)
              throw (THROWN[fails] as () => Error)()
            }
            return { reference: `CASE-${submissionId.slice(0, 4)}` }
          },
        },
        enquiry: { path: '/v2/enquiry', handle: async () => ({ reference: 'ENQ-1' }) },
      },
    }),
    {
      environment: {
        ADMIN_PORT: '0',
        ADMIN_AUTH_USERNAME: OPERATOR.username,
        ADMIN_AUTH_PASSWORD: OPERATOR.password,
        HOST: 'complaints.service.justice.gov.uk',
        RETRY_DELAY_SECONDS: '3600',
        RETRY_DELAY_MAX_SECONDS: '3600',
        ...environment,
      },
    },
  )
}

/** Sends a submission, waits until its first attempt has ended, and returns its id. */
export async function submit(adapter: TestAdapter, fails?: string, path = '/v2/complaint'): Promise<string> {
  const submissionId = crypto.randomUUID()
  await adapter.send(path, {
    submissionId,
    submissionAnswers: { fails, name: 'Jane Citizen' },
    serviceSlug: 'complain-about-a-court',
  })
  const isOver = ['submission.delivered', 'attempt.failed']
  await until(() =>
    adapter.events.some((e) => isOver.includes(e.event) && 'submissionId' in e && e.submissionId === submissionId),
  )
  return submissionId
}
