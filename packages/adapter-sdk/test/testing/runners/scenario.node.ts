import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { referenceOnRecord } from './scenario.ts'

test('makes a case', async () => {
  assert.equal(await referenceOnRecord(), 'case of 3 letters')
})
