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

  it('a submission becomes a case', async () => {
    const { submissionAnswers } = newSubmission()

    const { status, submissionId } = await running.send('/v2/complaint', { submissionAnswers, uploads: [letter] })
    const { reference } = await running.delivered(submissionId)

    assert.deepEqual([status, reference], [201, 'C-1'])
    const files = running.handled[0]?.attachments.map(({ url }) => url)
    assert.deepEqual(standIn.cases.get(submissionId), {
      name: 'Ada Lovelace',
      message: 'The office was closed.',
      date: '2020-12-30',
      files,
    })
  })

  it('a submission without a name waits for a person', async () => {
    const submissionAnswers = { ...newSubmission().submissionAnswers, yourname_text_1: '' }

    const { submissionId } = await running.send('/v2/complaint', { submissionAnswers })
    const { state, code, reason } = await running.ended(submissionId)

    assert.deepEqual([state, code], ['dead', 'ERR_ANSWERS_INVALID'])
    assert.match(reason ?? '', /yourname_text_1/)
  })
})
