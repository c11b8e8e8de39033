import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { sharedPostgres } from '../../../packages/adapter-sdk/test/shared-postgres.ts'
import { type CaseSystem, startCaseSystem } from '../../../test/case-system.ts'
import { startPrintedExample } from '../../../test/printed-example.ts'
import { type StartedProgram, startProgram } from '../../../test/started-program.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

describe('the example on PostgreSQL', () => {
  let casework: CaseSystem
  let environment: { readonly DATABASE_URL: string; readonly CASEWORK_URL: string }

  before(async () => {
    casework = await startCaseSystem()
    environment = { DATABASE_URL: await (await sharedPostgres()).database(), CASEWORK_URL: casework.url }
  })
  after(() => casework[Symbol.asyncDispose]())

  it('makes one case of each submission, whichever of two replicas it is sent to, or both', async () => {
    await using first = await startProgram(main, { environment })
    await using second = await startProgram(main, { environment })
    const replicas = [first, second]
    const ids = Array.from({ length: 20 }, () => crypto.randomUUID())

    const outcomes = await Promise.all(
      ids.flatMap((submissionId) =>
        replicas.map(async (replica) => (await replica.send('/v2/complaint', { submissionId })).outcome),
      ),
    )
    await Promise.all(ids.map((id) => Promise.any(replicas.map((replica) => delivered(replica, id)))))

    expect(outcomes.filter((outcome) => outcome === 'accepted')).to.have.length(20)
    expect(casework.requests.map(({ key }) => key).sort()).to.deep.equal(ids.sort())
    expect(await Promise.all(replicas.map((replica) => replica.stop()))).to.deep.equal([0, 0])
  })

  it('hands over in one process what another takes in', async () => {
    await using web = await startProgram(main, { environment: { ...environment, ADAPTER_ROLE: 'web' } })
    const { submissionId } = await web.send('/v2/complaint', {})
    await using worker = await startProgram(main, { environment: { ...environment, ADAPTER_ROLE: 'worker' } })

    await delivered(worker, submissionId)

    expect(casework.requests.at(-1)?.key).to.equal(submissionId)
  })

  it('runs as its README says, on a PostgreSQL that it starts', async () => {
    await using example = await startPrintedExample('postgres', () => ({ CASEWORK_URL: casework.url }))

    const submissionId = await example.send()

    expect(await example.line(({ event }) => event === 'adapter.started')).to.include({ store: 'postgres' })
    expect(casework.requests.at(-1)?.key).to.equal(submissionId)
  })
})

function delivered(program: StartedProgram, submissionId: string) {
  return program.line((line) => line['event'] === 'submission.delivered' && line['submissionId'] === submissionId)
}
