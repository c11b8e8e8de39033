import { startUnstopped } from './unstopped.ts'

before(async function () {
  // Less than any start takes: the hook is given up while the adapter starts.
  this.timeout(1)
  await startUnstopped()
})

it('passes', () => {})
