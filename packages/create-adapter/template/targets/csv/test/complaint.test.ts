import { strict as assert } from 'node:assert'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startTestAdapter, type TestAdapter } from '@formbuilder/adapter-sdk/testing'
import { adapter } from '../src/adapter.ts'
import { newSubmission } from './samples/complaint.ts'

const letter = { filename: 'letter.txt', mimetype: 'text/plain', content: Buffer.from('Dear all') }
const folder = mkdtempSync(join(tmpdir(), 'spreadsheets-'))

describe('the form complaint', () => {
  let running: TestAdapter
  before(async () => {
    process.env['CSV_FOLDER'] = folder
    running = await startTestAdapter(adapter)
  })
  after(async () => {
    await running?.stop()
    rmSync(folder, { recursive: true })
  })

  it('a submission becomes a line', async () => {
    const { submissionAnswers } = newSubmission()

    const { status, submissionId } = await running.send('/v2/complaint', { submissionAnswers, uploads: [letter] })
    await running.delivered(submissionId)

    const lines = readFileSync(join(folder, 'complaint.csv'), 'utf8').split('\r\n')
    const file = running.handled[0]?.attachments[0]?.url
    assert.deepEqual([status, lines.length], [201, 3])
    assert.ok(lines[1]?.endsWith(`,"Ada Lovelace","The office was closed.","2020-12-30","${file}","${submissionId}"`))
  })

  it('a submission without a name waits for a person', async () => {
    const submissionAnswers = { ...newSubmission().submissionAnswers, yourname_text_1: '' }

    const { submissionId } = await running.send('/v2/complaint', { submissionAnswers })
    const { state, code, reason } = await running.ended(submissionId)

    assert.deepEqual([state, code], ['dead', 'ERR_ANSWERS_INVALID'])
    assert.match(reason ?? '', /yourname_text_1/)
  })
})
