import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAdapter } from '@formbuilder/adapter-sdk'
import { startTestAdapter } from '@formbuilder/adapter-sdk/testing'
import { expect } from 'chai'
import { startPrintedExample } from '../../../test/printed-example.ts'
import { complaint } from '../src/complaint.ts'

describe('the example that fills a spreadsheet', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'to-spreadsheet-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('adds each submission once, with links to its files', async () => {
    const file = join(folder, 'complaints.csv')
    await using test = await startTestAdapter(createAdapter({ forms: { complaint: complaint(file) } }))
    const uploads = [{ filename: 'letter.txt', mimetype: 'text/plain', content: Buffer.from('Dear all') }]
    const submissionAnswers = { yourname_text_1: '=1+1', yourcomplaint_textarea_1: 'It was closed.' }

    const sent = await Promise.all(
      Array.from({ length: 8 }, () => test.send('/v2/complaint', { submissionAnswers, uploads })),
    )
    await Promise.all(sent.map(({ submissionId }) => test.delivered(submissionId)))

    const [head, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n')
    expect(head).to.equal(
      '\uFEFF"submission","yourname_text_1","yourcomplaint_textarea_1","youremail_email_1","files","received"',
    )
    expect(lines.map((line) => line.slice(1, 37)).sort()).to.deep.equal(
      sent.map(({ submissionId }) => submissionId).sort(),
    )
    for (const line of lines)
      expect(line).to.match(
        /^"[0-9a-f-]{36}","'=1\+1","It was closed\.","","https:\/\/localhost[^/]*\/v1\/attachments\/[^" ]+","[0-9T:.-]+Z"$/,
      )
  })

  it('runs as its README says', async () => {
    await using example = await startPrintedExample('to-spreadsheet', (folder) => ({
      OUTPUT_FILE: join(folder, 'complaints.csv'),
    }))

    const submissionId = await example.send()

    const [, line] = readFileSync(join(example.folder, 'complaints.csv'), 'utf8').split('\n')
    expect(line).to.match(new RegExp(`^"${submissionId}","Ada Lovelace","The office was closed."`))
  })
})
