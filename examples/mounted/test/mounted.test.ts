import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { startPrintedExample } from '../../../test/printed-example.ts'
import { type StartedProgram, startProgram } from '../../../test/started-program.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

describe('the example with routes of its own', () => {
  let program: StartedProgram
  before(async () => {
    program = await startProgram(main, {
      environment: { HANDLED_AUTH_USERNAME: 'operator', HANDLED_AUTH_PASSWORD: 'a-password-of-16' },
    })
  })
  after(() => program.stop())

  it('answers them beside the forms', async () => {
    const submissionAnswers = { yourcomplaint_textarea_1: 'It was closed again.' }
    const { submissionId } = await program.send('/v2/complaint', { submissionAnswers })
    await program.line((line) => line['event'] === 'submission.delivered' && line['submissionId'] === submissionId)

    const headers = { Authorization: `Basic ${btoa('operator:a-password-of-16')}` }
    expect(await program.get('/internal/handled', headers)).to.include({ status: 200, text: '{"complaint":1}' })
    expect((await program.get('/health')).status).to.equal(200)
    expect((await program.get('/internal/nothing', headers)).status).to.equal(404)
  })

  for (const [who, authorization] of [
    ['nobody', undefined],
    ['another user', `Basic ${btoa('operators:a-password-of-16')}`],
    ['a wrong password', `Basic ${btoa('operator:a-password-of-17')}`],
    ['an empty password', `Basic ${btoa('operator:')}`],
    ['another scheme', 'Bearer a-password-of-16'],
  ] as const) {
    for (const path of ['/internal/handled', '/internal/handled/', '/INTERNAL/handled', '/internal/nothing']) {
      it(`says nothing at ${path} to ${who}`, async () => {
        const headers = authorization === undefined ? {} : { Authorization: authorization }

        const { status, text, headers: answered } = await program.get(path, headers)

        expect(text).not.to.contain('complaint')
        if (path === '/internal/handled') {
          expect(status).to.equal(401)
          expect(answered['www-authenticate']).to.match(/^Basic realm="internal"/)
        } else {
          expect(status).to.be.oneOf([401, 404])
        }
      })
    }
  }

  it('does not start without a password, and names the setting', async () => {
    const started = await startProgram(main).catch((error: Error) => error)
    if (!(started instanceof Error)) await started.stop()

    expect(String(started))
      .to.contain('HANDLED_AUTH_PASSWORD is missing')
      .and.to.contain('HANDLED_AUTH_USERNAME is missing')
  })

  it('runs as its README says', async () => {
    await using example = await startPrintedExample('mounted', () => ({ HANDLED_AUTH_PASSWORD: 'a-password-of-16' }))

    await example.send()

    const headers = { Authorization: `Basic ${btoa('developer:a-password-of-16')}` }
    expect(await example.get('/internal/handled', headers)).to.include({ status: 200, text: '{"complaint":1}' })
    expect((await example.get('/internal/handled')).status).to.equal(401)
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
