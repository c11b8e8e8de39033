import { before, test } from 'node:test'
import { startUnstopped } from './unstopped.ts'

before(async () => {
  await startUnstopped()
})

test('passes', () => {})
