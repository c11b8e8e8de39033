import { beforeAll, test } from 'vitest'
import { startUnstopped } from './unstopped.ts'

beforeAll(async () => {
  await startUnstopped()
})

test('passes', () => {})
