import { strict as assert } from 'node:assert'
import { after, before, describe, it } from 'node:test'
import { startTestAdapter, type TestAdapter } from '@formbuilder/adapter-sdk/testing'
import { type StandIn, startStandIn } from '../dev/stand-in.ts'
import { adapter } from '../src/adapter.ts'
import { newSubmission } from './samples/complaint.ts'

const letter = { filename: 'letter.txt', mimetype: 'text/plain', content: Buffer.from('Dear all') }

describe('the form complaint', () => {
  let standIn: StandIn
  let running: TestAdapter
  before(async () => {
    standIn = await startStandIn()
    Object.assign(process.env, standIn.environment)
    running = await startTestAdapter(adapter)
  })
  after(async () => {
    await running?.stop()
    await standIn?.stop()
  })

  const sentFor = (submissionId: string) => standIn.emails.filter(({ reference }) => reference === submissionId)

  it('a submission becomes an e-mail', async () => {
    const { submissionAnswers } = newSubmission()

    const { status, submissionId } = await running.send('/v2/complaint', { submissionAnswers, uploads: [letter] })
    const { reference } = await running.delivered(submissionId)

    const [email, ...more] = sentFor(submissionId)
    assert.deepEqual([status, reference, more], [201, email?.id, []])
    const files = running.handled[0]?.attachments.map(({ url }) => url)
    assert.deepEqual(email?.personalisation, {
      name: 'Ada Lovelace',
      message: 'The office was closed.',
      date: '2020-12-30',
      files,
    })
  })

  it('where the answer of Notify is lost, it is asked, and no second e-mail is sent', async () => {
    standIn.next = 'lost'

    const { submissionId } = await running.send('/v2/complaint', newSubmission())
    await running.attempted(submissionId)
    await running.advance({ minutes: 5 })
    const { reference } = await running.delivered(submissionId)

    assert.deepEqual(
      sentFor(submissionId).map(({ id }) => id),
      [reference],
    )
  })

  it('a submission without a name waits for a person', async () => {
    const submissionAnswers = { ...newSubmission().submissionAnswers, yourname_text_1: '' }

    const { submissionId } = await running.send('/v2/complaint', { submissionAnswers })
    const { state, code, reason } = await running.ended(submissionId)

    assert.deepEqual([state, code], ['dead', 'ERR_ANSWERS_INVALID'])
    assert.match(reason ?? '', /yourname_text_1/)
  })
})
