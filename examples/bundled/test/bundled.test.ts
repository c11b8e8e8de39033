import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type CaseSystem, startCaseSystem } from '../../../test/case-system.ts'
import { startPrintedExample } from '../../../test/printed-example.ts'
import { startProgram } from '../../../test/started-program.ts'
import { bundle } from '../bundle.ts'

describe('the bundled example', () => {
  let casework: CaseSystem
  let folder: string
  before(async () => {
    casework = await startCaseSystem()
    folder = mkdtempSync(join(tmpdir(), 'bundled-'))
  })
  after(async () => {
    await casework[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  it('receives, keeps and hands over where nothing is installed', async () => {
    await bundle(folder)
    expect(readdirSync(folder).sort()).to.deep.equal(['main.mjs', 'store-thread.mjs'])

    await using program = await startProgram(join(folder, 'main.mjs'), { environment: { CASEWORK_URL: casework.url } })
    const { submissionId } = await program.send('/v2/complaint', { submissionAnswers: { yourname_text_1: 'Ada' } })
    await program.line((line) => line['event'] === 'submission.delivered' && line['submissionId'] === submissionId)

    expect(casework.requests.at(-1)).to.deep.equal({ key: submissionId, body: { yourname_text_1: 'Ada' } })
    expect(await program.stop()).to.equal(0)
  })

  it('runs as its README says', async () => {
    await using example = await startPrintedExample('bundled', () => ({ CASEWORK_URL: casework.url }))

    const submissionId = await example.send()

    expect(casework.requests.at(-1)?.key).to.equal(submissionId)
  })
})
