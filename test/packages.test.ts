/** What is published: complete, typed, and nothing else. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { publint } from 'publint'
import { packOnce } from './local-registry.ts'

const ROOT = resolve(import.meta.dirname, '..')
const ATTW = join(ROOT, 'node_modules/.bin/attw')

describe('published packages', () => {
  let tarballs: ReadonlyMap<string, string>
  before(async function () {
    this.timeout(120_000)
    const [folder, packed] = await packOnce()
    tarballs = new Map(packed.map(({ name, file }) => [name, join(folder, file)]))
  })

  for (const name of readdirSync(join(ROOT, 'packages'))) {
    const directory = join(ROOT, 'packages', name)
    const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))

    it(`${manifest.name} has no mistake that publint knows`, async () => {
      const { buffer } = Uint8Array.from(readFileSync(tarballs.get(manifest.name) ?? ''))
      const { messages } = await publint({ pack: { tarball: buffer }, strict: true })

      expect(messages.map(({ code, path }) => `${code} at ${path.join('.')}`)).to.deep.equal([])
    })

    if (manifest.exports !== undefined) {
      it(`${manifest.name} gives its types to every resolver of ECMAScript modules`, () => {
        // CommonJS cannot require these packages: they are ECMAScript modules only.
        execFileSync(ATTW, [tarballs.get(manifest.name) ?? '', '--profile', 'esm-only', '--no-emoji'], {
          stdio: 'pipe',
        })
      })
    }

    it(`${manifest.name} says who may use it, and with what`, () => {
      expect(manifest).to.deep.include({ license: 'MIT', type: 'module', engines: { node: '>=24.15' } })
      expect(readdirSync(directory)).to.include.members(['README.md', 'LICENSE'])
      for (const [dependency, version] of Object.entries<string>(manifest.dependencies ?? {})) {
        expect(version, dependency).to.match(/^\d+\.\d+\.\d+/)
      }
    })
  }
})
