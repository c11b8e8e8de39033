import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { createAdapter } from '@formbuilder/adapter-sdk'
import { startTestAdapter } from '@formbuilder/adapter-sdk/testing'

test('waits for a third attempt by nothing but a promise', async () => {
  const { promise, resolve } = Promise.withResolvers<number>()
  const adapter = createAdapter({
    forms: {
      complaint: {
        path: '/v2/complaint',
        repeatable: true,
        async handle(_submission, { attempt }) {
          if (attempt < 3) throw new Error('the case system is unavailable')
          resolve(attempt)
        },
      },
    },
  })
  const kit = await startTestAdapter(adapter)
  await kit.send('/v2/complaint')

  assert.equal(await promise, 3)
  await kit.stop()
})
