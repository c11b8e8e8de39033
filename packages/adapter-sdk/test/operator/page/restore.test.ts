import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { createAdapter } from '../../../src/adapter.ts'
import { generateKey } from '../../../src/protocol/keyring.ts'
import { startTestAdapter } from '../../../src/testing/index.ts'
import { PostgresServer } from '../../postgres-server.ts'

const RUNBOOK = readFileSync(new URL('../../../../../docs/operations.md', import.meta.url), 'utf8')

describe('restoring a backup as the runbook says', () => {
  it('makes dead letters of submissions that may have been delivered since, and handles one only if a person redrives it', async () => {
    const statements = /```sql\n([\s\S]+?)```/.exec(RUNBOOK)?.[1] ?? ''
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
    await using postgres = await PostgresServer.start()
    const DATABASE_URL = await postgres.database()
    const environment = { DATABASE_URL, JWE_SHARED_KEY: generateKey(16) }
    let submissionId: string
    {
      // A web process accepts submissions and never handles them, so its store is in the state of the backup.
      await using web = await startTestAdapter(adapter, {
        environment: { ...environment, ADAPTER_ROLE: 'web' },
      })
      submissionId = (await web.send('/v2/complaint')).submissionId
    }

    await postgres.query(statements, DATABASE_URL)
    await using restored = await startTestAdapter(adapter, { environment })
    const dead = await restored.running.ledger.show(submissionId)
    const before = [...cases]
    await restored.running.ledger.redrive({ id: submissionId }, 'sam', 'not in the case system')
    const { state } = await restored.ended(submissionId)

    expect(dead).to.include({ state: 'dead', uncertain: true, reason: 'restored from a backup' })
    expect(before).to.deep.equal([])
    expect([state, cases]).to.deep.equal(['delivered', [submissionId]])
  })
})
