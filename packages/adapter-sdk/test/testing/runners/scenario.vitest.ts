import { expect, test } from 'vitest'
import { referenceOnRecord } from './scenario.ts'

test('makes a case', async () => {
  expect(await referenceOnRecord()).toBe('case of 3 letters')
})
