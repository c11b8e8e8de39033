/** Code in documentation: what a reader copies has to compile, and what is called a complete program has to be one. */
import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { SETTINGS } from '@formbuilder/adapter-sdk'
import { OPTICS_SETTINGS } from '@formbuilder/optics-adapter'
import { expect } from 'chai'
import { readExamples } from '../docs/reference/examples.ts'
import { readBlocks } from './guide.ts'

const ROOT = resolve(import.meta.dirname, '..')
/** Inside of the repository, so that imports find what the packages find. */
const FOLDER = join(ROOT, 'artefacts/documentation')

describe('documentation', () => {
  const files = globSync(['*.md', 'docs/**/*.md', 'packages/*/README.md', 'examples/**/README.md', 'bench/*.md'], {
    cwd: ROOT,
    exclude: (path) => path.includes('node_modules') || path.includes('/site/'),
  }).sort()

  it('compiles: every block of TypeScript in every page, and every example of the reference as it is shown', function () {
    this.timeout(120_000)
    rmSync(FOLDER, { recursive: true, force: true })
    mkdirSync(FOLDER, { recursive: true })
    const examples = readExamples()
    for (const { module, names, text } of examples) {
      writeFileSync(join(FOLDER, `reference-${module}-${names[0]}.ts`), `${text}\nexport {}\n`)
    }
    let count = 0
    for (const file of files) {
      // A block that names a file is part of a project; the test of that guide compiles it.
      for (const { text, line } of readBlocks(join(ROOT, file)).filter(
        (each) => each.language === 'ts' && !each.note,
      )) {
        writeFileSync(join(FOLDER, `${file.replaceAll(/\W+/g, '-')}-line-${line}.ts`), `${text}\nexport {}\n`)
        count += 1
      }
    }
    writeFileSync(join(FOLDER, 'tsconfig.json'), JSON.stringify(TSCONFIG))

    const { status, stdout } = spawnSync(
      process.execPath,
      [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', FOLDER],
      {
        cwd: FOLDER,
        encoding: 'utf8',
      },
    )

    expect([status, stdout]).to.deep.equal([0, ''])
    expect(count).to.be.above(3)
    expect(examples.flatMap(({ names }) => names)).to.have.length.above(300)
    rmSync(FOLDER, { recursive: true, force: true })
  })

  it('prints the minimal example as it is', () => {
    const [program] = readBlocks(join(ROOT, 'README.md')).filter(({ language }) => language === 'ts')

    expect(program?.text).to.equal(readFileSync(join(ROOT, 'examples/minimal/src/main.ts'), 'utf8'))
  })

  it('has no type annotation in that example: everything is inferred', () => {
    const program = readFileSync(join(ROOT, 'examples/minimal/src/main.ts'), 'utf8')

    expect(program).not.to.match(/\bas\b|\bany\b|<\w|\w\??: (string|number|unknown|[A-Z])/)
  })

  it('names settings in the migration guide that there are', () => {
    const known = [...Object.keys(SETTINGS), ...Object.keys(OPTICS_SETTINGS)]

    expect(settingsHere()).to.include.members(['JWE_SHARED_KEY', 'OPTICS_API_KEY', 'TRUST_PROXY'])
    expect(settingsHere().filter((name) => !known.includes(name))).to.deep.equal([])
  })

  it('names every page in docs/README.md, each in one sentence', () => {
    const rows = [
      ...readFileSync(join(ROOT, 'docs/README.md'), 'utf8').matchAll(/^\| \[[^\]]+\]\((\S+\.md)\) \| (.*) \|$/gm),
    ]
    const named = rows.map(([, link = '']) => relative(ROOT, resolve(ROOT, 'docs', link)))
    const charts = globSync('packages/*/deploy/**/*.md', { cwd: ROOT })

    expect(named.toSorted()).to.deep.equal([...files, ...charts].filter((file) => file !== 'docs/README.md').toSorted())
    for (const [, link, says] of rows) expect(`${link}: ${says}`).to.match(/: [A-Z][^.]*(\.[A-Za-z][^.]*)*\.$/)
  })

  for (const file of files) {
    it(`${file} links to pages and headings that are there`, () => {
      const text = readFileSync(join(ROOT, file), 'utf8').replaceAll(/^```.*?^```$/gms, '')
      const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => String(link))
      const dead = links.filter((link) => !/^(https?:|mailto:)/.test(link) && !leadsSomewhere(file, link))

      expect(dead).to.deep.equal([])
    })
  }
})

/** What the table of the migration guide says is here. */
function settingsHere(): string[] {
  const text = readFileSync(join(ROOT, 'docs/migrate-from-ruby.md'), 'utf8')
  const [, table = ''] = text.split('Settings:\n')
  const rows = table.trim().split('\n\n')[0]?.split('\n').slice(2) ?? []
  return rows.flatMap((row) => {
    const [, there = '', here = ''] = row.split('|')
    const named = here.includes('the same') ? there : here
    return [...named.matchAll(/`([A-Z][A-Z_]+)`/g)].map(([, name]) => String(name))
  })
}

function leadsSomewhere(from: string, link: string): boolean {
  const [path = '', heading] = link.split('#')
  const target = path === '' ? join(ROOT, from) : resolve(ROOT, from, '..', path)
  const found = globSync(target)
  if (found.length === 0) return false
  return heading === undefined || headings(readFileSync(target, 'utf8')).includes(heading)
}

/** As GitHub makes anchors of headings. */
function headings(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    String(heading)
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} -]/gu, '')
      .replaceAll(' ', '-'),
  )
}

const TSCONFIG = {
  extends: '../../tsconfig.base.json',
  compilerOptions: {
    composite: false,
    noEmit: true,
    declaration: false,
    sourceMap: false,
    noUnusedLocals: false,
    // A team's own compiler need not be this strict about optional settings of other libraries.
    exactOptionalPropertyTypes: false,
    types: ['node', 'mocha'],
  },
  include: ['*.ts'],
}
