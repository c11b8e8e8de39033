import { startUnstopped } from './unstopped.ts'

before(async () => {
  await startUnstopped()
})

it('passes', () => {})
