import { expect } from 'chai'
import { askPrintedProvider } from '../../../test/printed-provider.ts'

describe('the README of the example of a GP Connect provider without Koa', () => {
  for (const more of ['', ' fastify', ' node']) {
    it(`starts it with npm start${more}, and its requests get the same answers`, async () => {
      expect(await askPrintedProvider('gp-connect-frameworks', more)).to.deep.equal({
        statuses: ['200', '400'],
        codes: [null, 'BAD_REQUEST', 'CERT_REVOKED'],
      })
    })
  }
})
