import { strict as assert } from 'node:assert'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startTestAdapter, type TestAdapter } from '@formbuilder/adapter-sdk/testing'
import { adapter } from '../src/adapter.ts'
import { newSubmission } from './samples/complaint.ts'

const letter = { filename: 'letter.txt', mimetype: 'text/plain', content: Buffer.from('Dear all') }
const folder = mkdtempSync(join(tmpdir(), 'submissions-'))

describe('the form complaint', () => {
  let running: TestAdapter
  before(async () => {
    process.env['OUTPUT_FOLDER'] = folder
    running = await startTestAdapter(adapter)
  })
  after(async () => {
    await running?.stop()
    rmSync(folder, { recursive: true })
  })

  it('a submission becomes a folder', async () => {
    const { submissionAnswers } = newSubmission()

    const { status, submissionId } = await running.send('/v2/complaint', { submissionAnswers, uploads: [letter] })
    await running.delivered(submissionId)

    const saved = JSON.parse(readFileSync(join(folder, submissionId, 'answers.json'), 'utf8'))
    assert.deepEqual([status, saved.form, saved.submissionId], [201, 'complaint', submissionId])
    assert.deepEqual(saved.answers, {
      yourname_text_1: 'Ada Lovelace',
      yourmessage_textarea_1: 'The office was closed.',
      itsdate_date_1: '2020-12-30',
    })
    assert.equal(readFileSync(join(folder, submissionId, '1-letter.txt'), 'utf8'), 'Dear all')
  })

  it('a submission without a name waits for a person', async () => {
    const submissionAnswers = { ...newSubmission().submissionAnswers, yourname_text_1: '' }

    const { submissionId } = await running.send('/v2/complaint', { submissionAnswers })
    const { state, code, reason } = await running.ended(submissionId)

    assert.deepEqual([state, code], ['dead', 'ERR_ANSWERS_INVALID'])
    assert.match(reason ?? '', /yourname_text_1/)
  })
})
