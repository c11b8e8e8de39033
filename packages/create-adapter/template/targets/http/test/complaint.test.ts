import { strict as assert } from 'node:assert'
import { after, before, test } from 'node:test'
import { startTestAdapter, type TestAdapter } from '@formbuilder/adapter-sdk/testing'
import { adapter } from '../src/adapter.ts'
import { newSubmission } from './submission.ts'

const letter = { filename: 'letter.txt', mimetype: 'text/plain', content: Buffer.from('Dear all') }

let running: TestAdapter
before(async () => {
  running = await startTestAdapter(adapter)
})
after(() => running.stop())

test('a complaint becomes a case', async () => {
  const { submissionAnswers } = newSubmission()

  const { status, submissionId } = await running.send('/v2/complaint', { submissionAnswers, uploads: [letter] })
  const { reference } = await running.delivered(submissionId)

  assert.deepEqual([status, reference], [201, 'C-1'])
})

test('a complaint without a name waits for a person', async () => {
  const submissionAnswers = { ...newSubmission().submissionAnswers, yourname_text_1: '' }

  const { submissionId } = await running.send('/v2/complaint', { submissionAnswers })
  const { state, code, reason } = await running.ended(submissionId)

  assert.deepEqual([state, code], ['dead', 'ERR_ANSWERS_INVALID'])
  assert.match(reason ?? '', /yourname_text_1/)
})
