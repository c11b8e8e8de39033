/** Tests where tests keep their files. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect } from 'chai'
import { makeMemoryFolder } from './memory-folder.ts'

describe('the folder in memory', () => {
  let place: string
  beforeEach(() => {
    place = mkdtempSync(join(tmpdir(), 'memory-'))
  })
  afterEach(() => rmSync(place, { recursive: true }))

  it('is one that each user can write to', () => {
    const folder = makeMemoryFolder(place, 0) ?? ''

    expect(statSync(folder).mode & 0o7777).to.equal(0o1777)
  })

  it('replaces those of runs that were killed, and no other', () => {
    const { pid } = spawnSync('true')
    const names = ['formbuilder-tests-of-somebody', `formbuilder-tests-${process.pid}-a`]
    for (const name of [...names, `formbuilder-tests-${pid}-b`]) {
      mkdirSync(join(place, name))
      writeFileSync(join(place, name, 'file'), '')
    }

    const folder = makeMemoryFolder(place, 0) ?? ''

    expect(readdirSync(place)).to.have.members([...names, basename(folder)])
  })

  it('is not made where there is little memory, or none', () => {
    expect(makeMemoryFolder(place, Number.MAX_SAFE_INTEGER)).to.equal(undefined)
    expect(makeMemoryFolder(join(place, 'nowhere'))).to.equal(undefined)
    expect(readdirSync(place)).to.deep.equal([])
  })
})
