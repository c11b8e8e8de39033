import { strict as assert } from 'node:assert'
import { referenceOnRecord } from './scenario.ts'

it('makes a case', async () => {
  assert.equal(await referenceOnRecord(), 'case of 3 letters')
})
