import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { type StartedProgram, startProgram } from '../../../test/started-program.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

describe('the example with routes of its own', () => {
  let program: StartedProgram
  before(async () => {
    program = await startProgram(main)
  })
  after(() => program.stop())

  it('answers them beside the forms', async () => {
    const submissionAnswers = { yourcomplaint_textarea_1: 'It was closed again.' }
    const { submissionId } = await program.send('/v2/complaint', { submissionAnswers })
    await program.line((line) => line['event'] === 'submission.delivered' && line['submissionId'] === submissionId)

    expect(await program.get('/internal/handled')).to.deep.equal({ status: 200, text: '{"complaint":1}' })
    expect((await program.get('/health')).status).to.equal(200)
    expect((await program.get('/internal/nothing')).status).to.equal(404)
  })

  it('leaves what the handler refused for a person', async () => {
    const { submissionId } = await program.send('/v2/complaint', {
      submissionAnswers: { yourcomplaint_textarea_1: 'Closed.' },
    })

    const dead = await program.line(
      (line) => line['event'] === 'submission.dead' && line['submissionId'] === submissionId,
    )
    expect(dead).to.include({ code: 'ERR_HANDLER_PERMANENT', uncertain: false })
  })
})
