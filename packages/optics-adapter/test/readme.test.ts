import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { OPTICS_ERRORS, OPTICS_SETTINGS } from '../src/index.ts'
import { FAILURES } from '../src/stand-in/index.ts'
import { recorded } from './mapping.ts'

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

describe('README.md', () => {
  it('lists every setting as the code defines it', () => {
    const rows = Object.entries(OPTICS_SETTINGS).map(([name, setting]) => [
      `\`${name}\``,
      setting.meaning,
      setting.accepts,
      setting.default,
    ])

    expect(table('| name |')).to.deep.equal(rows)
  })

  it('lists every error code', () => {
    const rows = Object.entries(OPTICS_ERRORS).map(([code, { meaning, end }]) => [`\`${code}\``, meaning, end])

    expect(table('| code |')).to.deep.equal(rows)
  })

  it('lists every failure of the stand-in', () => {
    expect(table('| kind |')).to.deep.equal(Object.entries(FAILURES).map(([kind, what]) => [`\`${kind}\``, what]))
  })

  it('names only recorded examples that exist', () => {
    const files = ['complaint-v2', 'comment-v2', 'feedback-v2', 'enquiry-v2', 'job-failures', 'http', 'attachments']
    const names = files.flatMap(recorded).map(({ name }) => name)
    const named = table('| | Ruby').flatMap(([what]) => /\(([\w, -]+)\)$/.exec(what ?? '')?.[1]?.split(', ') ?? [])

    expect(named).to.have.length.above(20)
    expect(named.filter((name) => !names.includes(name))).to.deep.equal([])
  })
})

/** The rows of the table whose header starts with this text. */
function table(head: string): string[][] {
  const [, , ...rows] =
    README.split('\n\n')
      .find((part) => part.startsWith(head))
      ?.split('\n') ?? []
  return rows.map((row) =>
    row
      .trim()
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  )
}
