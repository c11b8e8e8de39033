import { expect } from 'chai'
import { type Known, stateLines } from '../../../src/operator/page/state-lines.ts'
import type { FormState } from '../../../src/store/entry.ts'

const AT = '2030-01-01T12:00:00.000Z'
const SHOWN = '1 Jan 2030, 12:00:00'
const FORM: FormState = {
  name: 'complaint',
  asksFirst: false,
  paused: null,
  lastDeliveredAt: AT,
  failuresInARow: 0,
  lastFailure: null,
}
const PROCESS = { id: 'x', role: 'all', version: '1.2.3', startedAt: AT, seenAt: AT, silentSeconds: 3 }
const COUNTS = {
  ...{ waiting: 0, running: 0, paused: 0, dead: 0, delivered: 0, retrying: 0, oldestWaitingSeconds: 0 },
  lastAcceptedSeconds: Date.parse(AT) / 1000,
  deadByCode: {},
}
const PREVIOUS = { form: 'complaint', receiving: 0, removable: 0 }
const WELL: Known = {
  store: { kind: 'postgres', isWritable: true },
  counts: COUNTS,
  forms: [FORM],
  refusals: [],
  waitingForFiles: [],
  processes: [PROCESS],
  keys: { lastUses: [], previous: [PREVIOUS] },
  missingKeys: [],
  certificateDaysLeft: 89,
  own: { version: '1.2.3', role: 'all', forms: ['complaint'] },
}

const lines = (over: Partial<Known>) =>
  stateLines({ ...WELL, ...over }).map(({ what, mark, text }) => `${what}: ${mark}: ${text}`.replaceAll('\u00a0', ' '))

describe('the lines of the overview', () => {
  it('are one for each thing, in the order in which a submission comes by', () => {
    expect(lines({})).to.deep.equal([
      'Store: Good: PostgreSQL answers, and can be written to',
      `Receiver: Good: Last accepted at ${SHOWN}; none refused in 24 hours`,
      'Files: Good: No submission is with its sender because of its files',
      `Case system for complaint: Good: Last delivered at ${SHOWN}`,
      'Keys: Good: Nothing comes with an old key, and none is missing',
      'Certificate: Good: Expires in 89 days',
      'Processes: Good: 1 in the role all seen within the last minute; all of version 1.2.3',
      'This process: Good: Version 1.2.3, role all',
    ])
  })

  const refusal = (count: number, code: string) => ({ form: 'complaint', code, count })
  const failing = (failuresInARow: number) => ({
    ...FORM,
    failuresInARow,
    lastFailure: { at: AT, code: 'ERR_CASEWORK_DOWN' },
  })
  const silent = { ...PROCESS, role: 'worker', silentSeconds: 61 }
  const web = { ...PROCESS, role: 'web' }
  const worker = { ...PROCESS, role: 'worker' }
  const group = { host: 'a.example', code: 'ERR', count: 2, since: AT, oldestSeconds: 90, submissionIds: [] }

  for (const [what, over, expected] of [
    [
      'a store that cannot be written to',
      { store: { kind: 'sqlite', isWritable: false } },
      'Store: Problem: SQLite cannot be written to: submissions get 503, and stay with their sender',
    ],
    [
      'a store that does not answer',
      { store: { kind: 'postgres', isWritable: false }, counts: undefined },
      'Store: Problem: PostgreSQL does not answer: submissions get 503, and stay with their sender',
    ],
    [
      'an adapter that never accepted anything',
      { counts: { ...COUNTS, lastAcceptedSeconds: null } },
      'Receiver: No news: Nothing was accepted yet; none refused in 24 hours',
    ],
    [
      'an adapter whose last submission is forgotten',
      { counts: { ...COUNTS, lastAcceptedSeconds: 0 } },
      'Receiver: Good: What was accepted last is forgotten; none refused in 24 hours',
    ],
    [
      'refusals, the most numerous by name',
      { refusals: [refusal(1200, 'ERR_A'), refusal(2, 'ERR_B'), refusal(1, 'ERR_C'), refusal(1, 'ERR_D')] },
      `Receiver: Attention: Last accepted at ${SHOWN}; 1,204 deliveries refused in 24 hours: 1,200 complaint ERR_A, 2 complaint ERR_B, 1 complaint ERR_C, others`,
    ],
    [
      'files that cannot be fetched',
      { waitingForFiles: [group] },
      `Files: Attention: 2 submissions are with their sender because their files cannot be fetched, since ${SHOWN}`,
    ],
    [
      'a form that never delivered',
      { forms: [{ ...FORM, lastDeliveredAt: null }] },
      'Case system for complaint: No news: Nothing was delivered yet',
    ],
    [
      'one failure',
      { forms: [failing(1)] },
      `Case system for complaint: Attention: 1 attempt in a row failed, the last at ${SHOWN} with ERR_CASEWORK_DOWN; last delivered at ${SHOWN}`,
    ],
    [
      'five failures in a row',
      { forms: [{ ...failing(5), lastDeliveredAt: null }] },
      `Case system for complaint: Problem: 5 attempts in a row failed, the last at ${SHOWN} with ERR_CASEWORK_DOWN; nothing was delivered yet`,
    ],
    [
      'a failure that was made good',
      { forms: [failing(0)] },
      `Case system for complaint: Good: Last delivered at ${SHOWN}`,
    ],
    [
      'a paused form, however many attempts failed before',
      { forms: [{ ...failing(9), paused: { at: AT, by: 'ada', reason: 'moved' } }] },
      `Case system for complaint: Paused: Since ${SHOWN}, by ada; last delivered at ${SHOWN}`,
    ],
    [
      'a form of an older version',
      { forms: [{ ...failing(9), name: 'old' }] },
      `Case system for old: No news: This process has no such form; last delivered at ${SHOWN}`,
    ],
    [
      'a key that is missing, before anything else',
      { missingKeys: ['complaint'], keys: { lastUses: [], previous: [{ ...PREVIOUS, receiving: 1 }] } },
      'Keys: Problem: A key of complaint was removed that submissions need: put it back into JWE_PREVIOUS_KEYS',
    ],
    [
      'an old key that is in use, and one that can go',
      {
        keys: {
          lastUses: [],
          previous: [
            { ...PREVIOUS, receiving: 1 },
            { ...PREVIOUS, form: 'enquiry', removable: 1 },
          ],
        },
      },
      'Keys: Attention: Submissions of complaint still come with an old key; nothing needs an old key of enquiry any more: remove it',
    ],
    ['no certificate', { certificateDaysLeft: undefined }, 'Certificate: Good: None here: the proxy in front ends TLS'],
    ['a certificate of 21 days', { certificateDaysLeft: 21 }, 'Certificate: Good: Expires in 21 days'],
    ['a certificate of 20 days', { certificateDaysLeft: 20 }, 'Certificate: Attention: Expires in 20 days'],
    ['a certificate of one day', { certificateDaysLeft: 1 }, 'Certificate: Problem: Expires in 1 day'],
    ['a certificate that is over', { certificateDaysLeft: -1 }, 'Certificate: Problem: Expired'],
    [
      'several processes',
      { processes: [web, web, worker] },
      'Processes: Good: 2 in the role web, 1 in the role worker seen within the last minute; all of version 1.2.3',
    ],
    [
      'processes of two versions',
      { processes: [web, { ...worker, version: '1.3.0' }] },
      'Processes: Attention: 1 in the role web, 1 in the role worker seen within the last minute; versions 1.2.3, 1.3.0',
    ],
    [
      'a process that has gone silent',
      { processes: [PROCESS, silent] },
      'Processes: Attention: 1 in the role all seen within the last minute; all of version 1.2.3; one in the role worker not seen for 1 minute 1 second',
    ],
    [
      'no worker',
      { processes: [web, silent] },
      'Processes: Problem: 1 in the role web seen within the last minute; none hands submissions over; all of version 1.2.3; one in the role worker not seen for 1 minute 1 second',
    ],
    [
      'no web process',
      { processes: [worker] },
      'Processes: Problem: 1 in the role worker seen within the last minute; none accepts submissions; all of version 1.2.3',
    ],
    ['no process yet', { processes: [] }, 'Processes: No news: None was seen within the last minute'],
  ] as readonly (readonly [string, Partial<Known>, string])[]) {
    it(`say ${what}`, () => {
      const what = expected.split(':')[0]

      expect(lines(over).filter((line) => line.startsWith(`${what}:`))).to.deep.equal([expected])
    })
  }

  it('leave out what the store did not say, and keep what the process knows itself', () => {
    const nothing = { counts: undefined, forms: undefined, refusals: undefined, waitingForFiles: undefined }

    expect(
      lines({ ...nothing, processes: undefined, keys: undefined, store: { kind: 'sqlite', isWritable: false } }),
    ).to.deep.equal([
      'Store: Problem: SQLite does not answer: submissions get 503, and stay with their sender',
      'Certificate: Good: Expires in 89 days',
      'This process: Good: Version 1.2.3, role all',
    ])
  })
})
