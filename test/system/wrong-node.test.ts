/** What somebody reads who has an old Node: one line, at the first command, of every package. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { installAll, type LocalRegistry, startLocalRegistry } from '../local-registry.ts'
import { nodeFolder } from '../node-versions.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const PACKAGES = readdirSync(join(ROOT, 'packages'))

/** The oldest that can read an ECMAScript module, the one that many machines have, and the last that is too old. */
const VERSIONS = ['12.22.12', '20.20.2', '24.14.1']

const lineOf = (version: string) =>
  `Node 24.15 or newer is needed, and this is Node ${version}. Get it with "nvm install 24", "fnm install 24" or "npm install node@24".\n`

describe('an old Node', () => {
  let registry: LocalRegistry
  let project: string
  let scaffold: string

  before(async function () {
    this.timeout(600_000)
    registry = await startLocalRegistry()
    project = await installAll(registry, 'project')
    await registry.run('npm create @formbuilder/adapter scaffold -- --no-install')
    scaffold = join(registry.folder, 'scaffold')
    // More than it needs, but an old Node does not get that far.
    symlinkSync(join(project, 'node_modules'), join(scaffold, 'node_modules'))
  })
  after(() => registry[Symbol.asyncDispose]())

  const run = async (version: string, file: string, args: readonly string[], cwd = project) => {
    const node = await nodeFolder(version)
    const env = { ...registry.environment, PATH: [node, registry.environment['PATH']].join(delimiter) }
    const program = file === 'node' ? join(node, 'node') : file
    return await promisify(execFile)(program, [...args], { cwd, env, timeout: 60_000 }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
    )
  }

  for (const version of VERSIONS) {
    it(`${version} is told by every command of every package which one is needed`, async function () {
      // It may have to be fetched first.
      this.timeout(600_000)
      const commands = readdirSync(join(project, 'node_modules/.bin')).filter((name) => OURS.includes(name))
      expect(commands).to.deep.equal(OURS)

      for (const command of commands) {
        const told = await run(version, join(project, 'node_modules/.bin', command), ['--help'])

        expect(told, command).to.deep.equal({ code: 1, stdout: '', stderr: lineOf(version) })
      }
    })
  }

  for (const version of VERSIONS.slice(1)) {
    it(`${version} is told the same by every package that is imported`, async () => {
      expect(ENTRIES).to.have.length.above(10)

      for (const entry of ENTRIES) {
        const told = await run(version, 'node', ['--input-type=module', '--eval', `import ${JSON.stringify(entry)}`])

        expect(told, entry).to.deep.equal({ code: 1, stdout: '', stderr: lineOf(version) })
      }
    })

    for (const script of ['start', 'dev', 'test', 'send']) {
      it(`${version} is told the same by "npm run ${script}" of a new project`, async () => {
        const told = await run(version, 'npm', ['run', '--silent', script], scaffold)

        expect(told).to.deep.equal({ code: 1, stdout: '', stderr: lineOf(version) })
      })
    }
  }

  it('is none that is new enough: the newest, and the oldest that is allowed', async function () {
    this.timeout(600_000)
    for (const version of ['24.15.0', '26.9.0']) {
      const told = await run(version, join(project, 'node_modules/.bin/adapter'), ['--help'])

      expect(told.code, version).to.equal(0)
      expect(told.stdout, version).to.match(/^Usage: npx @formbuilder\/adapter-sdk /)
    }
  })

  it('is no hindrance in this repository: npx and npm find the Node that it brings', async () => {
    const PATH = [await nodeFolder('20.20.2'), registry.environment['PATH']].join(delimiter)
    const { stdout } = await promisify(execFile)('npm', ['exec', '--no', '--', 'adapter', '--help'], {
      cwd: ROOT,
      env: { ...registry.environment, PATH },
    })

    expect(stdout).to.match(/^Usage: npx @formbuilder\/adapter-sdk /)
  })

  it('is told so by the first command of this repository, too, which needs Node 20', async () => {
    const told = await run('12.22.12', 'node', [join(ROOT, '.ci/setup.mjs')], ROOT)

    expect(told).to.deep.equal({
      code: 1,
      stdout: '',
      stderr:
        'Node 20 or newer is needed, and this is Node 12.22.12. Get it with "nvm install 24" or "fnm install 24".\n',
    })
  })

  it('is recognised by the same file in every package', () => {
    const files = PACKAGES.map((name) => readFileSync(join(ROOT, 'packages', name, 'node-version.cjs'), 'utf8'))

    expect(new Set(files).size).to.equal(1)
  })
})

const manifests = PACKAGES.map((name) => JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')))

const OURS = manifests.flatMap(({ bin = {} }) => Object.keys(bin)).sort()

const ENTRIES = manifests.flatMap(({ name, exports = {} }) =>
  Object.keys(exports).map((entry) => `${name}${entry.slice(1)}`),
)
