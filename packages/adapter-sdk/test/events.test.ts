import { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import { errorName } from '../src/events.ts'

describe('the name of an error', () => {
  const thrown = (act: () => unknown) => {
    try {
      return act()
    } catch (error) {
      return error
    }
  }

  for (const [what, error, name] of [
    ['its own name', new TypeError('Jarndyce'), 'TypeError'],
    ['its code', Object.assign(new Error('Jarndyce'), { code: 'ENOENT' }), 'Error ENOENT'],
    ['no code that could be a sentence', Object.assign(new Error('x'), { code: 'Jarndyce wrote' }), 'Error'],
    ['nothing of what is no error', 'Jarndyce', 'non-error'],
  ] as const) {
    it(`has ${what}, and none of its message`, () => {
      expect(errorName(error)).to.equal(name)
    })
  }

  it('has the number of SQLite, which tells a full database from a locked one', () => {
    using database = new DatabaseSync(':memory:')
    database.exec('CREATE TABLE t (x); PRAGMA max_page_count = 2')

    const full = thrown(() => database.exec('INSERT INTO t VALUES (hex(zeroblob(10000)))'))

    expect(errorName(full)).to.equal('Error ERR_SQLITE_ERROR 13')
  })
})
