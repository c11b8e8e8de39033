import { expect } from 'chai'
import { askPrintedProvider } from '../../../test/printed-provider.ts'

describe('the README of the example of a GP Connect provider', () => {
  it('starts it with one command, and shows an accepted and two refused requests', async () => {
    expect(await askPrintedProvider('gp-connect-provider')).to.deep.equal({
      statuses: ['200', '400'],
      codes: [null, 'BAD_REQUEST', 'CERT_REVOKED'],
    })
  })
})
