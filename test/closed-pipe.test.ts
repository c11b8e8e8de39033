/** A reader such as `head` that leaves early is no error, in any command of any package. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect } from 'chai'

const PACKAGES = resolve(import.meta.dirname, '../packages')

/** Every command of every package: its file. */
const COMMANDS = readdirSync(PACKAGES).flatMap((folder) => {
  const { bin = {} } = JSON.parse(readFileSync(join(PACKAGES, folder, 'package.json'), 'utf8')) as {
    bin?: Record<string, string>
  }
  return Object.entries(bin).map(([name, file]) => [name, join(PACKAGES, folder, file)] as const)
})

async function ended(child: ChildProcess): Promise<{ code: number | null; error: string }> {
  let error = ''
  child.stderr?.on('data', (data) => {
    error += data
  })
  const [code] = await once(child, 'close')
  return { code, error }
}

describe('a closed pipe', () => {
  it('is tried with every command', () => {
    expect(COMMANDS.map(([name]) => name)).to.include.members(['adapter', 'submitter', 'optics-adapter'])
  })

  for (const [name, file] of COMMANDS)
    it(`is no error of ${name} --help`, async () => {
      const child = spawn(process.execPath, [file, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
      child.stdout.destroy()

      expect(await ended(child)).to.deep.equal({ code: 0, error: '' })
    })

  for (const [name, file] of COMMANDS)
    it(`does not change what ${name} says of a mistake, if nobody reads it`, async () => {
      const child = spawn(process.execPath, [file, '--no-such-option'], { stdio: ['ignore', 'pipe', 'pipe'] })
      child.stdout.destroy()
      child.stderr.destroy()

      const [code] = await once(child, 'close')

      expect(code).to.be.within(1, 2)
    })
})
