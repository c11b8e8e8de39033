/** Reads the import lines of every package and holds them against the arrows of the design. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect } from 'chai'

const ROOT = resolve(import.meta.dirname, '..')

/** Which packages a package may import by name. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  'secure-server': [],
  'adapter-sdk': ['@formbuilder/secure-server'],
  submitter: ['@formbuilder/adapter-sdk/protocol'],
  'create-adapter': [],
  'optics-adapter': ['@formbuilder/adapter-sdk', '@formbuilder/submitter'],
  'gp-connect-provider': ['@formbuilder/secure-server'],
}

describe('the architecture', () => {
  for (const [name, allowed] of Object.entries(PACKAGES)) {
    it(`${name} imports no other package of ours than ${allowed.join(', ') || 'none'}`, () => {
      const foreign = sources(name)
        .flatMap(imports)
        .filter(({ specifier }) => specifier.startsWith('@formbuilder/'))
        .filter(({ specifier }) => !allowed.some((each) => specifier === each || specifier.startsWith(`${each}/`)))

      expect(foreign).to.deep.equal([])
    })

    it(`${name} imports only what its package.json names`, () => {
      const manifest = JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8'))
      const named = { ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies }
      const missing = sources(name)
        .flatMap(imports)
        .filter(({ specifier, typeOnly }) => !typeOnly && !/^(\.|node:)/.test(specifier))
        .map(({ specifier }) =>
          specifier
            .split('/')
            .slice(0, specifier.startsWith('@') ? 2 : 1)
            .join('/'),
        )
        .filter((dependency) => named[dependency] === undefined)

      expect([...new Set(missing)]).to.deep.equal([])
    })

    it(`${name} has no import cycle`, () => {
      expect(cycle(sources(name))).to.equal(undefined)
    })
  }

  it('the protocol imports nothing but jose, node:crypto, node:stream and the errors', () => {
    const outside = sources('adapter-sdk')
      .filter((file) => relative(ROOT, file).includes('/protocol/'))
      .flatMap(imports)
      .filter(({ specifier }) => !['jose', 'node:crypto', 'node:stream', '../errors.ts'].includes(specifier))
      .filter(({ specifier }) => !/^\.\/[\w-]+\.ts$/.test(specifier))

    expect(outside).to.deep.equal([])
  })

  // Each row: a module, and what it must never reach, directly or through others.
  const UNREACHABLE: readonly (readonly [string, readonly string[]])[] = [
    [
      'receiver/receiver.ts',
      ['store/database.ts', 'store/postgres.ts', 'store/pg-boss.ts', 'files/capture.ts', 'config.ts', 'adapter.ts'],
    ],
    [
      'receiver/arrivals.ts',
      ['receiver/receiver.ts', 'config.ts', 'worker/attempt.ts', 'files/capture.ts', 'adapter.ts'],
    ],
    [
      'files/capture.ts',
      ['receiver/receiver.ts', 'config.ts', 'receiver/arrivals.ts', 'worker/attempt.ts', 'adapter.ts'],
    ],
    [
      'config.ts',
      ['receiver/receiver.ts', 'receiver/arrivals.ts', 'files/capture.ts', 'worker/attempt.ts', 'adapter.ts'],
    ],
    ['protocol/index.ts', ['events.ts', 'receiver/receiver.ts', 'receiver/arrivals.ts', 'config.ts']],
    ['worker/attempt.ts', ['receiver/receiver.ts', 'config.ts', 'store/database.ts', 'adapter.ts']],
  ]
  for (const [module, forbidden] of UNREACHABLE) {
    it(`adapter-sdk/${module} reaches none of ${forbidden.join(', ')}`, () => {
      const folder = join(ROOT, 'packages/adapter-sdk/src')
      const reached = reachable(join(folder, module)).map((file) => relative(folder, file))

      expect(reached.filter((file) => forbidden.includes(file))).to.deep.equal([])
    })
  }

  it('only config.ts and programs read the environment', () => {
    const programs = ['config.ts', 'main.ts', 'cli.ts']
    const readers = Object.keys(PACKAGES)
      .flatMap(sources)
      .filter((file) => /process\.env\b/.test(code(file)))
      .filter((file) => !programs.some((program) => file.endsWith(`/${program}`)))

    expect(readers.map((file) => relative(ROOT, file))).to.deep.equal([])
  })

  it('there is no room for things without a name', () => {
    const rooms = /(^|\/)(utils?|helpers?|common|types|services?|misc)(\.ts|\/)/
    const files = Object.keys(PACKAGES).flatMap(sources)

    expect(files.filter((file) => rooms.test(relative(ROOT, file)))).to.deep.equal([])
  })
})

interface Import {
  readonly file: string
  readonly specifier: string
  readonly typeOnly: boolean
}

function sources(name: string): string[] {
  const folder = join(ROOT, 'packages', name, 'src')
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file))
}

/** The text without comments: an example in a docstring is no import. */
function code(file: string): string {
  return readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
}

function imports(file: string): Import[] {
  const statements = code(file).matchAll(/^(?:import|export)\s+(type\s)?(?:[^'"();]*?\sfrom\s+)?['"]([^'"]+)['"]/gm)
  const later = code(file).matchAll(/\bimport(\()'([^']+)'\)/g)
  return [...statements, ...later].map(([, kind, specifier]) => ({
    file: relative(ROOT, file),
    specifier: specifier as string,
    typeOnly: kind?.startsWith('type') ?? false,
  }))
}

function valueImports(file: string): string[] {
  return imports(file)
    .filter(({ specifier, typeOnly }) => specifier.startsWith('.') && !typeOnly)
    .map(({ specifier }) => resolve(dirname(file), specifier))
}

function reachable(start: string): string[] {
  const seen = new Set<string>()
  const visit = (file: string) => {
    if (seen.has(file)) return
    seen.add(file)
    valueImports(file).forEach(visit)
  }
  visit(start)
  seen.delete(start)
  return [...seen]
}

function cycle(files: readonly string[]): string[] | undefined {
  for (const file of files) {
    const found = valueImports(file).find((next) => next === file || reachable(next).includes(file))
    if (found !== undefined) return [relative(ROOT, file), relative(ROOT, found)]
  }
  return undefined
}
