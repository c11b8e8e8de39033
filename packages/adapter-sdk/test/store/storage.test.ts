import { expect } from 'chai'
import { createAdapter } from '../../src/adapter.ts'
import { generateKey } from '../../src/protocol/keyring.ts'
import { startTestAdapter } from '../../src/testing/index.ts'
import { sharedPostgres } from '../shared-postgres.ts'

describe('an adapter on an empty PostgreSQL', () => {
  it('makes its tables and those of its files beside each other, and starts again on them', async () => {
    const DATABASE_URL = await (await sharedPostgres()).database()
    // The first may be stopped before it has handed over: what is left must be readable to the second.
    const JWE_SHARED_KEY = generateKey(16)
    const start = () =>
      startTestAdapter(
        createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } }),
        {
          environment: { DATABASE_URL, JWE_SHARED_KEY },
        },
      )
    const submissionId = crypto.randomUUID()

    const first = await start()
    const accepted = await first.send('/v2/complaint', { submissionId })
    await first.stop()
    const second = await start()
    const record = await second.ended(submissionId)
    await second.stop()

    expect(accepted.status).to.equal(201)
    expect(record.state).to.equal('delivered')
  })
})
