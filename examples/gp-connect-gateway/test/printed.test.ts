/** The README of the gateway's example, as printed. Left out where there is no python3. */
import { spawnSync } from 'node:child_process'
import { expect } from 'chai'
import { askPrintedProvider } from '../../../test/printed-provider.ts'

if (spawnSync('python3', ['--version']).status === 0)
  describe('the README of the example of a GP Connect gateway (needs python3)', () => {
    it('starts it with npm start, and the requests of the example with Koa get the same answers', async () => {
      expect(await askPrintedProvider('gp-connect-gateway')).to.deep.equal({
        statuses: ['200', '400'],
        codes: [null, 'BAD_REQUEST', 'CERT_REVOKED'],
      })
    })
  })
