/** The commands of the packages, as they are linked into node_modules/.bin. */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { COMMANDS as EXITS } from '../docs/reference/tables.ts'

const ROOT = resolve(import.meta.dirname, '..')
const WORKSPACES = ['packages', 'examples'].flatMap((folder) =>
  readdirSync(join(ROOT, folder)).map((name) => join(ROOT, folder, name)),
)
const COMMANDS = WORKSPACES.filter((folder) => existsSync(join(folder, 'package.json'))).flatMap((folder) => {
  const { bin = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return Object.keys(bin)
})

describe('the commands', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'old-node-'))
    // What a machine with an old Node has first in its PATH.
    writeFileSync(join(folder, 'node'), '#!/bin/sh\nexit 97\n')
    chmodSync(join(folder, 'node'), 0o755)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('all have their exit codes in the one table', () => {
    expect(Object.keys(EXITS).toSorted()).to.deep.equal(
      COMMANDS.filter((command) => !command.startsWith('example-')).toSorted(),
    )
  })

  for (const command of COMMANDS) {
    it(`${command} runs on the Node that the project brings, whatever the machine has`, () => {
      const { status, error } = spawnSync(join(ROOT, 'node_modules/.bin', command), ['--help'], {
        env: { PATH: `${folder}:/usr/bin:/bin` },
        timeout: 20_000,
        stdio: 'ignore',
      })

      expect(error).to.equal(undefined)
      expect(status).to.be.oneOf([0, 1, 2])
    })
  }
})
