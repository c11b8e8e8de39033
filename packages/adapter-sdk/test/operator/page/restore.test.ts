import { expect } from 'chai'
import { createAdapter } from '../../../src/adapter.ts'
import { runCommand } from '../../../src/cli.ts'
import { generateKey } from '../../../src/protocol/keyring.ts'
import { startTestAdapter } from '../../../src/testing/index.ts'
import { sharedPostgres } from '../../shared-postgres.ts'

describe('a PostgreSQL that was restored from a backup', () => {
  it('has dead letters of what may have been delivered since, and handles one only if a person redrives it', async () => {
    const cases: string[] = []
    const adapter = createAdapter({
      forms: {
        complaint: {
          path: '/v2/complaint',
          repeatable: 'until-acting',
          async handle({ submissionId }) {
            cases.push(submissionId)
          },
        },
      },
    })
    const DATABASE_URL = await (await sharedPostgres()).database()
    const environment = { DATABASE_URL, JWE_SHARED_KEY: generateKey(16) }
    let submissionId: string
    {
      // A web process accepts submissions and never handles them, so its store is in the state of the backup.
      await using web = await startTestAdapter(adapter, { environment: { ...environment, ADAPTER_ROLE: 'web' } })
      submissionId = (await web.send('/v2/complaint')).submissionId
    }

    const argv = ['restored', '--backup-taken', '2026-11-28T01:00:00Z', '--lost-at', '2026-11-28T09:30:00Z']
    const exitCode = await runCommand(argv, { environment, output: { out: () => undefined, error: () => undefined } })
    await using restored = await startTestAdapter(adapter, { environment })
    const dead = await restored.ended(submissionId)
    const before = [...cases]
    await restored.running.ledger.redrive({ id: submissionId }, 'sam', 'not in the case system')
    const { state } = await restored.ended(submissionId)

    expect(exitCode).to.equal(0)
    expect(dead).to.include({ state: 'dead', uncertain: true, code: 'ERR_OUTCOME_UNCERTAIN' })
    expect(before).to.deep.equal([])
    expect([state, cases]).to.deep.equal(['delivered', [submissionId]])
  })
})
