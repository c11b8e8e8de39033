/** What somebody gets who installs the packages: no more than they need, and it runs where they may run it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { expect } from 'chai'
import { type LocalRegistry, startLocalRegistry } from './local-registry.ts'
import { nodeFolder } from './node-versions.ts'

const ROOT = resolve(import.meta.dirname, '..')

/** What each package may hold beside package.json, README.md and LICENSE, and how large it may be unpacked. */
const BUDGET: Readonly<Record<string, { readonly holds: RegExp; readonly kilobytes: number }>> = {
  '@formbuilder/adapter-sdk': { holds: /^(bin|views)\//, kilobytes: 750 },
  '@formbuilder/create-adapter': { holds: /^(bin|template)\//, kilobytes: 40 },
  '@formbuilder/gp-connect-provider': { holds: /^bin\//, kilobytes: 300 },
  '@formbuilder/optics-adapter': { holds: /^(bin|charts?|deploy)\//, kilobytes: 250 },
  '@formbuilder/secure-server': { holds: /^$/, kilobytes: 250 },
  '@formbuilder/submitter': { holds: /^bin\//, kilobytes: 100 },
}

/** The oldest that `engines` allows, the one that this repository is built with, and the newest. */
const NODE_VERSIONS = ['24.15.0', process.versions.node, '26.9.0']

describe('what is published', () => {
  let registry: LocalRegistry
  let project: string

  before(async function () {
    this.timeout(600_000)
    registry = await startLocalRegistry()
    project = join(registry.folder, 'empty')
    mkdirSync(project)
    await registry.run('npm init -y', { cwd: project })
    const names = registry.packages.map(({ name }) => name).filter((name) => name !== '@formbuilder/create-adapter')
    await registry.run(`npm install --no-audit --no-fund ${names.join(' ')}`, { cwd: project })
    writeFileSync(join(project, 'program.mjs'), PROGRAM)
    writeFileSync(join(project, 'imports.mjs'), IMPORTS)
  })
  after(() => registry[Symbol.asyncDispose]())

  it('is every package, each with a budget', () => {
    expect(registry.packages.map(({ name }) => name).sort()).to.deep.equal(Object.keys(BUDGET).sort())
  })

  for (const [name, { holds, kilobytes }] of Object.entries(BUDGET)) {
    it(`of ${name} is what its users need, in ${kilobytes} kB`, () => {
      const packed = registry.packages.find((each) => each.name === name)
      const files = packed?.files.map(({ path }) => path) ?? []
      const surplus = files.filter((path) => !holds.test(path) && !isExpected(path, name))

      expect(surplus).to.deep.equal([])
      expect(files).to.include.members(['package.json', 'README.md', 'LICENSE'])
      expect((packed?.unpackedSize ?? 0) / 1000).to.be.below(kilobytes)
    })
  }

  it('imports without doing anything: no output, no global, no listener, nothing left open', async () => {
    const told = JSON.parse(await registry.run('node imports.mjs', { cwd: project }))

    expect(told).to.deep.equal({ globals: [], listeners: [], resources: [] })
  })

  for (const version of NODE_VERSIONS) {
    it(`receives, keeps and hands over an encrypted submission with a file on Node ${version}`, async function () {
      // It may have to be fetched first.
      this.timeout(600_000)
      const PATH = [await nodeFolder(version), registry.environment['PATH']].join(delimiter)

      const told = await registry.run('node --no-warnings program.mjs', { cwd: project, environment: { PATH } })

      expect(JSON.parse(told)).to.deep.equal({
        node: `v${version}`,
        status: 201,
        state: 'delivered',
        reference: 'a file of 8 bytes',
      })
    })
  }
})

/** Compiled from a source that is still there, or one of three. */
function isExpected(path: string, name: string): boolean {
  if (['package.json', 'README.md', 'LICENSE'].includes(path)) return true
  const [, module] = /^dist\/(.+?)(?:\.d)?\.[jt]s$/.exec(path) ?? []
  const folder = name.replace('@formbuilder/', '')
  return module !== undefined && existsSync(join(ROOT, 'packages', folder, 'src', `${module}.ts`))
}

const PROGRAM = `
import { createAdapter } from '@formbuilder/adapter-sdk'
import { answers, text } from '@formbuilder/adapter-sdk/answers'
import { startTestAdapter } from '@formbuilder/adapter-sdk/testing'
import { buffer } from 'node:stream/consumers'

const adapter = createAdapter({
  forms: {
    complaint: {
      path: '/v2/complaint',
      answers: answers({ name_text_1: text }),
      async handle(submission, { attachments }) {
        const { byteLength } = await buffer(attachments[0].stream())
        return { reference: \`a file of \${byteLength} bytes\` }
      },
    },
  },
})
const test = await startTestAdapter(adapter)
const uploads = [{ filename: 'letter.txt', mimetype: 'text/plain', content: Buffer.from('Dear all') }]
const { status, submissionId } = await test.send('/v2/complaint', { submissionAnswers: { name_text_1: 'Ada' }, uploads })
const { state, reference } = await test.ended(submissionId)
await test.stop()
console.log(JSON.stringify({ node: process.version, status, state, reference }))
`

const ENTRIES = readEntries()

const IMPORTS = `
const before = new Set(Object.getOwnPropertyNames(globalThis))
const listeners = process.eventNames().length
const resources = process.getActiveResourcesInfo()
for (const entry of ${JSON.stringify(ENTRIES)}) await import(entry)
await new Promise(setImmediate)
console.log(JSON.stringify({
  // Two libraries that we use leave names of that kind.
  globals: Object.getOwnPropertyNames(globalThis).filter((name) => !before.has(name) && !/^(__|\\d)/.test(name)),
  listeners: process.eventNames().slice(listeners).map(String),
  resources: process.getActiveResourcesInfo().filter((name) => !resources.includes(name) && !['Immediate', 'PipeWrap'].includes(name)),
}))
`

/** Every entry point of every package that has some. */
function readEntries(): string[] {
  return Object.keys(BUDGET).flatMap((name) => {
    const file = join(ROOT, 'packages', name.replace('@formbuilder/', ''), 'package.json')
    const { exports = {} } = JSON.parse(readFileSync(file, 'utf8')) as { exports?: Record<string, unknown> }
    return Object.keys(exports).map((entry) => `${name}${entry.slice(1)}`)
  })
}
