import { beforeAll, test } from 'vitest'
import { startUnstopped } from './unstopped.ts'

beforeAll(async () => {
  await startUnstopped()
  throw new Error('the hook failed')
})

test('passes', () => {})
