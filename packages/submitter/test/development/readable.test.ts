import { expect } from 'chai'
import { readable } from '../../src/development/readable.ts'

describe('a line of the log, readable', () => {
  it('has the time of this machine, the level, what happened, and the rest by name', () => {
    const time = new Date(2026, 10, 29, 9, 5, 7).toISOString()
    const line = { level: 'warn', time, event: 'attempt.failed', form: 'complaint', attempt: 2, msg: 'attempt.failed' }

    expect(readable(JSON.stringify(line))).to.equal('09:05:07 warn  attempt.failed form=complaint attempt=2')
  })

  it('has the words of a handler, and texts with blanks in quotes', () => {
    const line = { level: 'info', time: 'never', form: 'complaint', why: 'two words', of: { a: 1 }, msg: 'asked twice' }

    expect(readable(JSON.stringify(line))).to.equal(
      '--:--:-- info  asked twice form=complaint why="two words" of={"a":1}',
    )
  })

  it('is the line itself where it is no JSON of the log', () => {
    for (const line of ['listening', '', '[1]', '{"a":', 'null', '{"other":true}'])
      expect(readable(line)).to.equal(line)
  })

  for (const [name, text] of [
    ['a message', JSON.stringify({ level: 'info', msg: 'a\u001b[2Jb\u0085c\nd' })],
    ['a value', JSON.stringify({ level: 'info', msg: 'm', value: 'a\u001b[2Jb\u0085c\nd' })],
    ['a name', JSON.stringify({ level: 'info', msg: 'm', 'a\u001b[2J\u0085\n': 1 })],
    ['an event', JSON.stringify({ level: 'info', event: 'a\u001b[2J\u0085\n' })],
    ['a line that is no JSON', 'a\u001b[2Jb\u0085'],
  ] as const) {
    it(`shows what a terminal would obey, in ${name}`, () => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be left.
      expect(readable(text)).not.to.match(/[\u0000-\u001f\u007f-\u009f]/)
      expect(readable(text)).to.include('u001b[2J')
    })
  }
})
