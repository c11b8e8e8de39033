/** Commands are called by names that are ours: what npx does not find here, it takes from the owner of the name. */
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect } from 'chai'

const ROOT = resolve(import.meta.dirname, '..')
const SCOPE = '@formbuilder/'

/** Whatever a person may read or copy a command from. */
const TEXTS = globSync(
  ['*.md', '{docs,bench,examples,packages}/**/*.{md,ts,njk,json,yaml,yml,cjs,js,mjs}', '**/{Dockerfile,env.example}'],
  { cwd: ROOT, exclude: (path) => /(^|\/)(node_modules|dist)(\/|$)/.test(path) },
).filter((file) => !/\/test\/|\/site\//.test(file))

interface Command {
  readonly file: string
  readonly name: string
  readonly packages: readonly string[]
}

describe('the names of commands', () => {
  const manifests = ['packages', 'examples'].flatMap((folder) =>
    readdirSync(join(ROOT, folder)).flatMap((name) => {
      const path = join(ROOT, folder, name, 'package.json')
      return globSync(path).map((file) => JSON.parse(readFileSync(file, 'utf8')))
    }),
  )
  const bins = new Map<string, string[]>(manifests.map(({ name, bin = {} }) => [name, Object.keys(bin)]))
  const commands = TEXTS.flatMap((file) => readCommands(file, readFileSync(join(ROOT, file), 'utf8')))

  it('are told in many places, and those are read', () => {
    expect(TEXTS).to.include.members(['README.md', 'docs/operations.md', 'packages/adapter-sdk/src/config.ts'])
    expect(commands.length).to.be.above(20)
  })

  it('are never bare: npx is given one of our packages, or one of the tools that a reader has installed', () => {
    const tools = ['esbuild', 'lerna', 'tsc', 'biome', 'mocha']

    const bare = commands.filter(
      ({ name, packages }) => packages.length === 0 && !name.startsWith(SCOPE) && !tools.includes(name),
    )
    expect(bare.map(({ file, name }) => `${file}: npx ${name}`)).to.deep.equal([])
  })

  it('are those of packages that exist, with a command that npx can choose', () => {
    for (const { file, name, packages } of commands.filter(({ name }) => name.startsWith(SCOPE))) {
      const names = bins.get(name) ?? []

      expect(packages, `${file}: ${name}`).to.deep.equal([])
      expect(names.length === 1 || names.includes(name.slice(SCOPE.length)), `${file}: ${name}`).to.equal(true)
    }
    for (const { file, name, packages } of commands.filter(({ packages }) => packages.length > 0)) {
      expect(
        packages.flatMap((each) => bins.get(each) ?? []),
        file,
      ).to.include(name)
    }
  })

  it('are recognised, also where options stand before them', () => {
    const read = (text: string) => readCommands('a', text).map(({ name, packages }) => [name, ...packages])

    expect(read('`npx submitter keygen`')).to.deep.equal([['submitter']])
    expect(read('npx --yes adapter\nnpm exec -- adapter x')).to.deep.equal([['adapter'], ['adapter']])
    expect(read('npx --package=@formbuilder/a b')).to.deep.equal([['b', '@formbuilder/a']])
    expect(read('npx finds its Node')).to.deep.equal([['finds']])
  })
})

function readCommands(file: string, text: string): Command[] {
  return [...text.matchAll(/\b(?:npx|npm exec)((?: +-[\w=@/.-]*)*) +([@\w][\w@/.-]*)/g)].map(
    ([, options = '', name = '']) => ({
      file,
      name: name.replace(/\.$/, ''),
      packages: [...options.matchAll(/--package=(\S+)/g)].map(([, each = '']) => each),
    }),
  )
}
