import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { startCaseSystem } from '../../../test/case-system.ts'
import { startPrintedExample } from '../../../test/printed-example.ts'
import { startProgram } from '../../../test/started-program.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

describe('the minimal example', () => {
  it('makes a case of a complaint, and stops when it is told to', async () => {
    await using casework = await startCaseSystem()
    await using program = await startProgram(main, { environment: { CASEWORK_URL: casework.url } })
    const submissionAnswers = { yourname_text_1: 'Ada', yourcomplaint_textarea_1: 'It was closed.' }

    const { outcome, submissionId } = await program.send('/v2/complaint', { submissionAnswers })
    await program.line((line) => line['event'] === 'submission.delivered' && line['submissionId'] === submissionId)

    expect(outcome).to.equal('accepted')
    expect(casework.requests).to.deep.equal([{ key: submissionId, body: { ...submissionAnswers, files: [] } }])
    expect(await program.stop()).to.equal(0)
  })

  it('runs as its README says', async () => {
    await using casework = await startCaseSystem()
    await using example = await startPrintedExample('minimal', () => ({ CASEWORK_URL: casework.url }))

    const submissionId = await example.send()

    expect(casework.requests.map(({ key }) => key)).to.deep.equal([submissionId])
  })

  it('runs with a case system of its own', async () => {
    await using example = await startPrintedExample('minimal', undefined, 'without npm')

    const submissionId = await example.send()

    const delivered = await example.line((line) => line['event'] === 'submission.delivered')
    expect(delivered).to.include({ submissionId, referenced: true })
  })
})
