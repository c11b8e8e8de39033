/** docs/threats.md: no row without a test, and no test that does not exist. */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect } from 'chai'

const ROOT = resolve(import.meta.dirname, '..')
const ROWS = readFileSync(join(ROOT, 'docs/threats.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| (?!threat |---)/.test(line))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')))

describe('docs/threats.md', () => {
  it('has rows for every threat of both OWASP lists', () => {
    const named = ROWS.map(([threat]) => /^(API\d+|A\d\d)\b/.exec(threat ?? '')?.[1]).filter((id) => id !== undefined)

    expect(named).to.deep.equal([
      ...Array.from({ length: 10 }, (_, n) => `API${n + 1}`),
      ...Array.from({ length: 10 }, (_, n) => `A${String(n + 1).padStart(2, '0')}`),
    ])
  })

  for (const [threat = '', , test = ''] of ROWS) {
    it(`names a test that exists for: ${threat}`, () => {
      const [file = '', title = ''] = test.split(/: (.*)/s)
      const path = join(ROOT, file)

      expect(file).to.match(/\.test\.ts$/)
      expect(existsSync(path), file).to.equal(true)
      expect(title).to.have.length.above(10)
      expect(readFileSync(path, 'utf8')).to.include(title)
    })
  }
})
