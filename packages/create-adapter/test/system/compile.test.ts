import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { createProject } from '../../src/project.ts'

const ROOT = resolve(import.meta.dirname, '../../../..')
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc')
/** Each target and each runner: the tests of one target are the same for all runners, but for the line that imports them. */
const COMBINATIONS = [
  { target: 'http', tests: 'vitest' },
  { target: 'notify', tests: 'mocha' },
  { target: 'csv', tests: 'vitest' },
  { target: 'folder', tests: 'mocha' },
  { target: 'notify', tests: 'node' },
] as const
const forms = ['complaint', 'date', 'delete-my-account']

describe('a new project', () => {
  let base: string
  before(() => {
    // Inside of the repository, so that a project finds the packages.
    mkdirSync(join(ROOT, 'artefacts'), { recursive: true })
    base = mkdtempSync(join(ROOT, 'artefacts/template-'))
  })
  after(() => rmSync(base, { recursive: true, force: true }))

  for (const { target, tests } of COMBINATIONS) {
    it(`compiles for ${target} with ${tests}, with forms that have names of other things`, async () => {
      const folder = join(base, `${target}-${tests}`)
      createProject({ folder, name: 'project', forms, target, tests })

      const { stdout } = await promisify(execFile)(process.execPath, [TSC, '--pretty', 'false'], { cwd: folder }).catch(
        (error) => error,
      )

      expect(stdout).to.equal('')
    })
  }
})
