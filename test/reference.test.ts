/** The pages that are written from the code are as the code is. */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { pages } from '../docs/reference/tables.ts'

const ROOT = resolve(import.meta.dirname, '..')

describe('the reference', () => {
  for (const [path, text] of pages()) {
    it(`${path} is as the code is; if not, run npm run docs:tables`, () => {
      expect(readFileSync(join(ROOT, path), 'utf8')).to.equal(text)
    })
  }

  it('names files that exist, for every step and every question', () => {
    const page = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8').split('## Rooms')[0] ?? ''
    const named = [...page.matchAll(/`((?:secure-server|adapter-sdk|gp-connect-provider)\/src\/[\w/.-]+)`/g)]

    expect(named).to.have.length.above(15)
    expect(named.filter(([, path = '']) => !existsSync(join(ROOT, 'packages', path)))).to.deep.equal([])
  })
})
