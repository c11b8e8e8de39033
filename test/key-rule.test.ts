/** How long an old key must stay is one rule, in one place: no text gives another number of days. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { SETTINGS } from '@formbuilder/adapter-sdk'
import { expect } from 'chai'
import { OLD_KEY_DAYS } from '../packages/adapter-sdk/src/operator/key-rule.ts'

const ROOT = new URL('../', import.meta.url)
const DAYS = /\b(\d+|two|three|four|five|six|seven|ten|fourteen|twenty|twenty-eight|thirty) days\b/gi
const PARTS_OF_A_PAGE = /\n\s*\n|\n(?=\s*(?:[-*|]|\d+\.) ?)/
/** A member of an object, a comment, a statement. */
const PARTS_OF_A_SOURCE = /\n\s*\n|\n(?=\s*(?:"?\w+"?:|\/\*\*|\/\/|const |return ))/
const OLD_KEY = /\b(old|previous) keys?\b|JWE_PREVIOUS_KEYS|key 1\b|last use of a key/i

describe('how long an old key must stay', () => {
  const files = execFileSync('git', ['ls-files', '*.md', 'packages/*/src/*.ts', '*.yaml', '*dashboard.json'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((file) => file !== '' && !file.endsWith('CHANGELOG.md'))
  const blocks = files.flatMap((file) =>
    readFileSync(new URL(file, ROOT), 'utf8')
      .split(file.endsWith('.md') ? PARTS_OF_A_PAGE : PARTS_OF_A_SOURCE)
      .map((text) => ({ file, text: text.replace(/\s+/g, ' ') })),
  )
  const rule = (text: string) => text.match(/## How long an old key stays\n([\s\S]*?)\n## /)?.[1] ?? ''

  it('is 28 days wherever a text about an old key counts days', () => {
    const stated = blocks
      .filter(({ text }) => OLD_KEY.test(text))
      .flatMap(({ file, text }) => [...text.matchAll(DAYS)].map(([, days]) => `${file}: ${days}`))

    expect(stated.filter((each) => !each.endsWith(': 28'))).to.deep.equal([])
    expect(new Set(stated.map((each) => each.split(':')[0])).size).to.be.at.least(4)
  })

  it('is what the program computes with, and what the setting quotes', () => {
    const setting = String(SETTINGS.JWE_PREVIOUS_KEYS.meaning)

    expect(OLD_KEY_DAYS).to.equal(28)
    expect(setting).to.contain('28 days after the form was published with the new key')
    expect(setting).to.contain('as long as anything that the adapter holds needs it')
  })

  it('is explained in one place, from the publication on and while anything held needs the key', () => {
    const text = rule(readFileSync(new URL('docs/operations.md', ROOT), 'utf8')).replace(/\s+/g, ' ')

    expect(text).to.contain('28 days after the form was published with the new key')
    expect(text).to.contain('as long as anything that the adapter holds needs it')
  })
})
