import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { SERVER_SETTINGS, SETTINGS } from '../src/config-table.ts'
import { ERRORS } from '../src/errors.ts'

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

describe('README.md', () => {
  it('has every setting as it is read, and no other', () => {
    const expected = Object.entries({ ...SETTINGS, ...SERVER_SETTINGS }).map(([name, setting]) =>
      [`\`${name}\``, setting.accepts.replaceAll('|', '\\|'), setting.default, setting.meaning].join(' | '),
    )

    expect(rows('| setting |')).to.deep.equal(expected)
  })

  it('has every code of an error with its status and meaning, and no other', () => {
    const expected = Object.entries(ERRORS).map(([code, error]) =>
      [`\`${code}\``, 'status' in error ? String(error.status) : '', error.meaning].join(' | '),
    )

    expect(rows('| code |')).to.deep.equal(expected)
  })
})

/** Rows of the tables whose head begins so, without the bars at their ends. */
function rows(head: string): string[] {
  return README.split('\n\n')
    .filter((part) => part.startsWith(head))
    .flatMap((table) => table.trim().split('\n').slice(2))
    .map((line) => line.replace(/^\| | \|$/g, ''))
}
