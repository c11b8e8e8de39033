import { before, test } from 'node:test'
import { startUnstopped } from './unstopped.ts'

before(async () => {
  await startUnstopped()
  throw new Error('the hook failed')
})

test('passes', () => {})
