/** What somebody gets who installs the packages: no more than they need, and it runs where they may run it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { expect } from 'chai'
import { installAll, type LocalRegistry, startLocalRegistry } from '../local-registry.ts'
import { nodeFolder } from '../node-versions.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const TSC = join(ROOT, 'node_modules/.bin/tsc')

/** What each package may hold beside package.json, README.md and LICENSE, and how large it may be unpacked. */
const BUDGET: Readonly<Record<string, { readonly holds: RegExp; readonly kilobytes: number }>> = {
  '@formbuilder/adapter-sdk': { holds: /^(bin|views)\//, kilobytes: 850 },
  '@formbuilder/create-adapter': { holds: /^(bin|template)\//, kilobytes: 100 },
  '@formbuilder/gp-connect-provider': { holds: /^(bin|deploy)\//, kilobytes: 400 },
  '@formbuilder/optics-adapter': { holds: /^(bin|charts?|deploy)\//, kilobytes: 250 },
  '@formbuilder/secure-server': { holds: /^$/, kilobytes: 250 },
  '@formbuilder/submitter': { holds: /^bin\//, kilobytes: 150 },
}

/** The oldest that `engines` allows, the one that this repository is built with, and the newest. */
const NODE_VERSIONS = ['24.15.0', process.versions.node, '26.9.0']

/** How a strict program finds the declarations: nothing of them is left unread. */
const RESOLUTIONS = [
  { module: 'node16', moduleResolution: 'node16' },
  { module: 'nodenext', moduleResolution: 'nodenext' },
  { module: 'esnext', moduleResolution: 'bundler' },
]

describe('what is published', () => {
  let registry: LocalRegistry
  let project: string

  before(async function () {
    this.timeout(600_000)
    registry = await startLocalRegistry()
    project = await installAll(registry, 'empty')
    writeFileSync(join(project, 'program.mjs'), PROGRAM)
    writeFileSync(join(project, 'imports.mjs'), IMPORTS)
  })
  after(() => registry[Symbol.asyncDispose]())

  /** What the compiler prints, of a program that trusts nothing. */
  const compile = async (file: string, options: object) => {
    const compilerOptions = {
      ...options,
      ...{
        strict: true,
        skipLibCheck: false,
        noEmit: true,
        target: 'es2022',
        types: [],
        exactOptionalPropertyTypes: true,
      },
    }
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }))
    return await registry.run(`"${TSC}" --pretty false || true`, { cwd: project })
  }

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

  for (const options of RESOLUTIONS) {
    it(`compiles in a strict program, and every declaration with it, by ${options.moduleResolution}`, async () => {
      writeFileSync(join(project, 'typed.mts'), TYPED + ENTRIES.map((entry) => `import '${entry}'\n`).join(''))

      expect(await compile('typed.mts', options)).to.equal('')
    })
  }

  it('has messages of the compiler that name the answers, and no type of ours', async () => {
    writeFileSync(join(project, 'message.mts'), MESSAGE)

    const message = await compile('message.mts', { module: 'nodenext', moduleResolution: 'nodenext' })

    expect(message).to.contain('{ readonly name_text_1: string; readonly email_email_1?: string | undefined; }')
    expect(message).not.to.match(/Flat|AnswersOf| & /)
  })

  it('has commands that npx finds by the name of their package', async () => {
    for (const [name, says] of [
      ['adapter-sdk', /^Usage: npx @formbuilder\/adapter-sdk /],
      ['submitter', /^Usage: npx @formbuilder\/submitter /],
      ['optics-adapter', /^Usage: optics-adapter /],
      ['gp-connect-provider', /^Usage: npx @formbuilder\/gp-connect-provider /],
    ] as const) {
      expect(await registry.run(`npx @formbuilder/${name} --help`, { cwd: project }), name).to.match(says)
    }
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

const TYPED = `
import type Koa from 'koa'
import { createAdapter, defineForm } from '@formbuilder/adapter-sdk'
import { answers, optional, text } from '@formbuilder/adapter-sdk/answers'
import { createProvider } from '@formbuilder/gp-connect-provider'
import { createApp } from '@formbuilder/secure-server'

type IsAny<T> = 0 extends 1 & T ? true : false
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <T extends true>() => {}

const complaint = defineForm({
  path: '/v2/complaint',
  answers: answers({ name_text_1: text, email_email_1: optional(text) }),
  async handle({ submissionAnswers: { name_text_1, email_email_1 } }) {
    holds<Same<typeof name_text_1, string>>()
    holds<Same<typeof email_email_1, string | undefined>>()
    return { reference: name_text_1 }
  },
})
const adapter = createAdapter({ forms: { complaint } })
adapter.app.use(async (ctx, next) => {
  holds<Same<IsAny<typeof ctx>, false>>()
  holds<Same<IsAny<typeof next>, false>>()
  ctx.status = 204
  await next()
})
holds<Same<typeof adapter.app, Koa>>()
holds<Same<IsAny<ReturnType<typeof createApp>>, false>>()
holds<Same<IsAny<Parameters<typeof createProvider>[0]>, false>>()

// @ts-expect-error: a status is a number.
adapter.app.use((ctx) => { ctx.status = 'created' })
// @ts-expect-error: a path begins with a slash.
defineForm({ path: 'v2/complaint', async handle() {} })
`

/** What the compiler says when a schema's answers are taken for something else. */
const MESSAGE = `
import { answers, optional, text } from '@formbuilder/adapter-sdk/answers'
const schema = answers({ name_text_1: text, email_email_1: optional(text) })
const wrong: number = await schema['~standard'].validate({})
export { wrong }
`

/** Compiled from a source that is still there, or one of three. */
function isExpected(path: string, name: string): boolean {
  if (/^(package\.json|README\.md|LICENSE|node-version\.(cjs|d\.cts))$/.test(path)) return true
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
