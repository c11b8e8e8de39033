/** Checks the imports of every package against docs/architecture.json, the one table of rooms and arrows. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { expect } from 'chai'

interface Room {
  /** Files, and folders that end in a slash, below `src/`. */
  readonly holds: readonly string[]
  /** Rooms, or single files, that it may import. All of them stand below it in the table. */
  readonly imports: readonly string[]
  /** Rooms of which it may import types only. */
  readonly typesOf?: readonly string[]
  readonly says: string
}

interface Package {
  readonly packages: readonly string[]
  readonly rooms: Readonly<Record<string, Room>>
}

const ROOT = resolve(import.meta.dirname, '..')
const TABLE: Readonly<Record<string, Package>> = JSON.parse(readFileSync(join(ROOT, 'docs/architecture.json'), 'utf8'))

describe('the architecture', () => {
  it('has a table of rooms for every package', () => {
    expect(Object.keys(TABLE).toSorted()).to.deep.equal(readdirSync(join(ROOT, 'packages')).toSorted())
  })

  for (const [name, table] of Object.entries(TABLE)) {
    describe(`of ${name}`, () => {
      it('imports from our other packages only what the table allows', () => {
        const foreign = arrows(name).filter(({ to }) => to.startsWith('@formbuilder/'))

        expect(foreign.filter(({ to }) => !table.packages.includes(to))).to.deep.equal([])
      })

      it('imports only what its package.json names', () => {
        const manifest = JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8'))
        const named = { ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies }
        const missing = arrows(name)
          .filter(({ to, typeOnly }) => !typeOnly && !/^(\.|node:)/.test(to))
          .map(({ to }) => to.split('/').slice(0, to.startsWith('@') ? 2 : 1))
          .map((parts) => parts.join('/'))
          .filter((dependency) => named[dependency] === undefined)

        expect([...new Set(missing)]).to.deep.equal([])
      })

      it('has each file in exactly one room', () => {
        const homes = sources(name).map((file) => [file, roomsOf(table, file)] as const)

        expect(homes.filter(([, rooms]) => rooms.length !== 1)).to.deep.equal([])
      })

      it('has rooms that hold something and import what stands below them', () => {
        const names = Object.keys(table.rooms)
        const files = sources(name)
        const wrong = Object.entries(table.rooms).flatMap(([room, { holds, imports, typesOf = [] }]) => [
          ...holds.filter((held) => !files.some((file) => isIn(file, held))).map((held) => `${room}: no ${held}`),
          ...[...imports, ...typesOf]
            .filter((target) => names.indexOf(roomOfTarget(table, target)) <= names.indexOf(room))
            .map((target) => `${room} imports upwards: ${target}`),
        ])

        expect(wrong).to.deep.equal([])
      })

      it('has no arrow that is not in the table', () => {
        expect(forbidden(name, table)).to.deep.equal([])
      })

      it('has no circle of imports, types included', () => {
        expect(circle(name)).to.equal(undefined)
      })

      it('begins each file with a sentence that says what it is', () => {
        const silent = sources(name).filter((file) => !/^(#!.*\n)?\/\*\*[\s\S]{20,}?\*\//.test(read(name, file)))

        expect(silent).to.deep.equal([])
      })
    })
  }

  it('has nothing that reads the environment but the configuration and programs', () => {
    const readers = Object.keys(TABLE).flatMap((name) =>
      sources(name)
        .filter((file) => /process\.env\b/.test(code(name, file)))
        .filter((file) => !/(^|\/)(config|main|cli)\.ts$/.test(file)),
    )

    expect(readers).to.deep.equal([])
  })

  // create-adapter has a command only: test/system/wrong-node.test.ts.
  for (const name of Object.keys(TABLE).filter((each) => each !== 'create-adapter')) {
    it(`has entries to ${name} that ask for the version of Node before anything else`, () => {
      const { exports } = JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8'))
      const entries = Object.values<{ default: string }>(exports)
        .map((entry) => entry.default)
        .filter((file) => file !== './node-version.cjs')
        .map((file) => file.replace(/^\.\/dist\/(.*)js$/, '$1ts'))

      expect(entries).not.to.deep.equal([])
      for (const file of entries) {
        const [, first = ''] = /^(?:import|export)\s[^'"]*['"]([^'"]+)['"]/m.exec(code(name, file)) ?? []
        expect(`./${join(dirname(file), first)}`, file).to.equal(NODE_VERSION)
      }
      const text = readFileSync(join(ROOT, 'packages', name, 'node-version.cjs'), 'utf8')
      expect([...text.matchAll(/require\('([^']+)'\)/g)].map(([, needed]) => needed)).to.deep.equal([
        './package.json',
        'fs',
      ])
    })
  }

  it('has no room for things without a name', () => {
    const rooms = /(^|\/)(utils?|helpers?|common|types|services?|misc)(\.ts|\/)/
    const files = Object.keys(TABLE).flatMap((name) => sources(name).map((file) => `${name}/${file}`))

    expect(files.filter((file) => rooms.test(file))).to.deep.equal([])
  })

  it('has a protocol that needs nothing but jose, two modules of Node and the errors', () => {
    const outside = arrows('adapter-sdk')
      .filter(({ from, to }) => from.startsWith('protocol/') && !to.startsWith('./protocol/'))
      .filter(({ to }) => !['jose', 'node:crypto', 'node:stream', './errors.ts'].includes(to))

    expect(outside).to.deep.equal([])
  })
})

interface Arrow {
  /** File below `src/`. */
  readonly from: string
  /** A package, or `./` and a file below `src/`. */
  readonly to: string
  readonly typeOnly: boolean
}

function sources(name: string): string[] {
  return readdirSync(join(ROOT, 'packages', name, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.replaceAll('\\', '/'))
}

function read(name: string, file: string): string {
  return readFileSync(join(ROOT, 'packages', name, 'src', file), 'utf8')
}

/** The text without comments: an example in a docstring is no import. */
function code(name: string, file: string): string {
  return read(name, file)
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
}

function arrows(name: string): Arrow[] {
  return sources(name)
    .flatMap((from) => {
      const text = code(name, from)
      const statements = text.matchAll(/^(?:import|export)\s+(type\s)?(?:[^'"();]*?\sfrom\s+)?['"]([^'"]+)['"]/gm)
      const dynamic = text.matchAll(/\bimport(\()['"]([^'"]+)['"]\)/g)
      return [...statements, ...dynamic].map(([, kind, specifier = '']) => ({
        from,
        // TypeScript takes `./x.js` for `./x.ts` as well.
        to: specifier.startsWith('.')
          ? `./${join(dirname(from), specifier).replaceAll('\\', '/').replace(/\.js$/, '.ts')}`
          : specifier,
        typeOnly: kind?.startsWith('type') ?? false,
      }))
    })
    .filter(({ to }) => to !== NODE_VERSION)
}

/** The only file outside `src/` that may be imported: it is plain JavaScript of old, and needs nothing. */
const NODE_VERSION = './../node-version.cjs'

function isIn(file: string, held: string): boolean {
  return held.endsWith('/') ? file.startsWith(held) : file === held
}

function roomsOf({ rooms }: Package, file: string): string[] {
  return Object.keys(rooms).filter((room) => rooms[room]?.holds.some((held) => isIn(file, held)))
}

/** A room may be allowed one file of another room. */
function roomOfTarget(table: Package, target: string): string {
  return target.endsWith('.ts') ? (roomsOf(table, target)[0] ?? '') : target
}

/** The arrows between rooms that the table does not allow. */
function forbidden(name: string, table: Package): string[] {
  return arrows(name)
    .filter(({ to }) => to.startsWith('./'))
    .flatMap(({ from, to, typeOnly }) => {
      const target = to.slice(2)
      const [home = ''] = roomsOf(table, from)
      const [there = ''] = roomsOf(table, target)
      const { imports = [], typesOf = [] } = table.rooms[home] ?? {}
      const isAllowed =
        home === there || imports.includes(there) || imports.includes(target) || (typeOnly && typesOf.includes(there))
      return isAllowed ? [] : [`${from} -> ${target}`]
    })
}

function circle(name: string): string | undefined {
  const next = Map.groupBy(
    arrows(name).filter(({ to }) => to.startsWith('./')),
    ({ from }) => from,
  )
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): string | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file].join(' -> ')
    if (done.has(file)) return undefined
    for (const { to } of next.get(file) ?? []) {
      const found = visit(to.slice(2), [...path, file])
      if (found !== undefined) return found
    }
    done.add(file)
    return undefined
  }
  for (const file of sources(name)) {
    const found = visit(file, [])
    if (found !== undefined) return found
  }
  return undefined
}
