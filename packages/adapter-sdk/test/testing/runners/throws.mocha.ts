import { startUnstopped } from './unstopped.ts'

before(async () => {
  await startUnstopped()
  throw new Error('the hook failed')
})

it('passes', () => {})
