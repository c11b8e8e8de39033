import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { SETTINGS } from '../src/config-table.ts'
import { ERRORS } from '../src/errors.ts'

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

describe('README.md', () => {
  it('describes settings as the code does', () => {
    const all = Object.entries(SETTINGS).map(([name, setting]) =>
      [`\`${name}\``, setting.accepts.replaceAll('|', '\\|'), setting.default, setting.meaning].join(' | '),
    )

    expect(rows('| setting |')).to.have.length.above(10)
    expect(all).to.include.members(rows('| setting |'))
  })

  it('describes error codes as the code does', () => {
    const all = Object.entries(ERRORS).map(([code, error]) =>
      [`\`${code}\``, 'status' in error ? String(error.status) : '', error.meaning].join(' | '),
    )

    expect(rows('| code |')).to.have.length.above(8)
    expect(all).to.include.members(rows('| code |'))
  })
})

/** Rows of the tables whose head starts with `head`, without the bars at their ends. */
function rows(head: string): string[] {
  return README.split('\n\n')
    .filter((part) => part.startsWith(head))
    .flatMap((table) => table.trim().split('\n').slice(2))
    .map((line) => line.replace(/^\| | \|$/g, ''))
}
