import { expect } from 'chai'
import type { Form } from '../../../src/form.ts'
import { type Known, nextText } from '../../../src/operator/page/next.ts'

const HOUR = new Date(Date.now() + 3_600_000).toISOString()
const entry: Known['entry'] = {
  ...{ id: 'i', submissionId: 's', form: 'f', serviceSlug: 'x', state: 'waiting', uncertain: false, code: null },
  ...{ reason: null, reference: null, attempts: 0, files: 0, missingFiles: 0, receivedAt: HOUR, changedAt: HOUR },
  ...{ dueAt: null, settlesAt: null, losses: 0, revision: 0 },
}
const detail: Known['detail'] = { files: [], erased: false, attemptsSinceRedrive: 0, approved: false, traceId: null }
const form: Form = { path: '/', handle: async () => undefined }
const asking: Form = { ...form, confirm: async () => undefined }

/** The sentences for what differs from a submission that was just received. */
function said(over: Partial<Known['entry']>, of: Partial<Known['detail']> = {}, by: Form | undefined = form): string {
  return nextText({
    entry: { ...entry, ...over },
    detail: { ...detail, ...of },
    form: by,
    retryLimit: 3,
    isPaused: false,
  }).join(' ')
}

describe('what happens next with a submission', () => {
  for (const [what, text, expected] of [
    [
      'that was just received',
      said({}),
      'No attempt has started yet. Attempt 1 starts as soon as a worker has a free place. It hands the submission to the case system. If that fails for a time only, 3 retries are left.',
    ],
    ['that failed once', said({ attempts: 1 }, { attemptsSinceRedrive: 1 }), '2 retries are left.'],
    ['that has one retry left', said({ attempts: 2 }, { attemptsSinceRedrive: 2 }), '1 retry is left.'],
    [
      'that has none left',
      said({ attempts: 3 }, { attemptsSinceRedrive: 3 }),
      'it is a dead letter: no retry is left.',
    ],
    ['whose losses do not count', said({ attempts: 4, losses: 2 }, { attemptsSinceRedrive: 4 }), '1 retry is left.'],
    [
      'that was redriven',
      said({ attempts: 9 }, { attemptsSinceRedrive: 0 }),
      '9 attempts have started. Attempt 10 starts as soon as',
    ],
    [
      'that waits for its form to be resumed',
      nextText({ entry, detail, form, retryLimit: 3, isPaused: true }).join(' '),
      'The form is paused: attempt 1 starts when it is resumed, and no earlier than it is due.',
    ],
    ['that waits for an hour', said({ attempts: 1, dueAt: HOUR }), 'Attempt 2 starts at '],
    [
      'that is uncertain, of a form that asks',
      said({ uncertain: true, settlesAt: HOUR }, {}, asking),
      'asks the case system first, and hands the submission over only if it has none. The case system is not asked before',
    ],
    [
      'that is uncertain, of a form that cannot ask',
      said({ uncertain: true }),
      'the form cannot ask for it: the next one makes it a dead letter.',
    ],
    [
      'that a person approved, of a form that cannot ask',
      said({ uncertain: true }, { approved: true }),
      'the next one hands the submission over again.',
    ],
    [
      'that is uncertain, of a form that repeats',
      said({ uncertain: true }, {}, { ...form, repeatable: true }),
      'The next one repeats it, which does no harm in this form.',
    ],
    ['that runs', said({ state: 'running', attempts: 2, dueAt: HOUR }), 'Attempt 2 is running. If its process ends'],
    [
      'that is dead',
      said({ state: 'dead', attempts: 4 }, { attemptsSinceRedrive: 4 }),
      '4 attempts have started. Nothing happens by itself. A redrive starts it with all its retries. It hands the submission',
    ],
    [
      'that is dead and uncertain, of a form that cannot ask',
      said({ state: 'dead', uncertain: true }),
      'The form cannot ask for it: the next one hands the submission over again.',
    ],
    [
      'that lacks a file',
      said({ state: 'dead', missingFiles: 1 }),
      'The case is made without the file that is missing.',
    ],
    ['that lacks files', said({ state: 'dead', missingFiles: 2 }), 'without the 2 files that are missing.'],
    ['that was delivered', said({ state: 'delivered' }), 'It was delivered. Nothing happens any more.'],
    ['that was discarded', said({ state: 'discarded' }), 'It is never handled again.'],
    [
      'of a form of another adapter',
      nextText({ entry, detail, form: undefined, retryLimit: 3, isPaused: false }).join(' '),
      'no attempt starts here.',
    ],
  ] as const)
    it(`${what}`, () => expect(text).to.contain(expected))
})
