import { expect } from 'chai'
import { createAdapter } from '../../src/adapter.ts'
import type { Form } from '../../src/form.ts'
import { startTestAdapter } from '../../src/testing/index.ts'
import { sharedPostgres } from '../shared-postgres.ts'

for (const kind of ['sqlite', 'postgres'] as const) {
  describe(`a form whose case system hangs, on ${kind}`, () => {
    for (const [concurrency, names] of [
      [2, ['complaint', 'comment']],
      [16, ['complaint', 'comment', 'enquiry', 'feedback']],
    ] as const) {
      it(`keeps none of ${names.length} forms waiting with ${concurrency} places`, async () => {
        let hanging = 0
        const released = Promise.withResolvers<void>()
        const forms = Object.fromEntries(
          names.map((name): [string, Form] => [
            name,
            {
              path: `/v2/${name}`,
              repeatable: true,
              async handle() {
                if (name !== 'complaint') return
                hanging += 1
                await released.promise
              },
            },
          ]),
        )
        const DATABASE_URL = kind === 'postgres' ? await (await sharedPostgres()).database() : undefined
        await using test = await startTestAdapter(createAdapter({ forms }), {
          environment: { DATABASE_URL, CONCURRENCY: String(concurrency) },
        })
        await Promise.all(Array.from({ length: 20 }, () => test.send('/v2/complaint')))

        const others = await Promise.all(names.slice(1).map((name) => test.send(`/v2/${name}`)))
        const states = await Promise.all(others.map(async ({ submissionId }) => (await test.ended(submissionId)).state))
        const atOnce = hanging
        released.resolve()

        expect(states).to.deep.equal(names.slice(1).map(() => 'delivered'))
        expect(atOnce).to.equal(concurrency - (names.length - 1))
      })
    }
  })
}
