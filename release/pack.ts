/** Packs every package as it is published: its manifest names the repository, and the links of its README work on npm. */
import { execFile } from 'node:child_process'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, posix, resolve } from 'node:path'
import { promisify } from 'node:util'
import { transform } from 'esbuild'

const ROOT = resolve(import.meta.dirname, '..')

/** A tarball, as npm describes it. */
export interface Packed {
  readonly name: string
  readonly version: string
  readonly filename: string
  readonly integrity: string
  readonly size: number
  readonly unpackedSize: number
  readonly files: readonly { readonly path: string; readonly size: number }[]
}

/** Packs all packages into a folder; those that others need come first. */
export async function packAll(repository: string, folder: string): Promise<Packed[]> {
  const stage = mkdtempSync(join(tmpdir(), 'stage-'))
  try {
    const names = inOrder(readdirSync(join(ROOT, 'packages')))
    for (const name of names) await prepare(name, join(stage, name), repository)
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', resolve(folder)]
    const folders = names.map((name) => join(stage, name))
    const { stdout } = await promisify(execFile)('npm', [...args, ...folders], {
      cwd: stage,
      maxBuffer: 64 * 1024 * 1024,
    })
    return JSON.parse(stdout) as Packed[]
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
}

/** Returns what is wrong with the setting, if anything. */
export function repositoryProblem(repository: string | undefined): string | undefined {
  if (repository === undefined || repository === '') {
    return 'RELEASE_REPOSITORY is not set: the https address of the repository, which npm compares with where a release was built'
  }
  return /^https:\/\/[\w.-]+(\/[\w.-]+){2,}(?<!\.git)$/.test(repository)
    ? undefined
    : 'RELEASE_REPOSITORY is not the https address of a repository, such as https://github.com/OWNER/NAME'
}

/** Returns a README whose links to files of the repository are absolute: npm shows it without them. */
export function absoluteLinks(
  readme: string,
  folder: string,
  at: (kind: 'blob' | 'raw', path: string) => string,
): string {
  const absolute = (link: string, isImage: boolean) => {
    if (/^([a-z][a-z0-9+.-]*:|#|\/\/)/i.test(link)) return link
    const [path = '', anchor] = link.split('#')
    const target = posix.normalize(posix.join(folder, path))
    if (target.startsWith('..') || !existsSync(join(ROOT, target)))
      throw new Error(`${folder}/README.md: ${link} leads nowhere`)
    return at(isImage ? 'raw' : 'blob', target.replace(/\/$/, '')) + (anchor === undefined ? '' : `#${anchor}`)
  }
  // Code is shown as it is.
  return readme
    .split(/(^```[\s\S]*?^```|`[^`\n]*`)/m)
    .map((part, index) =>
      index % 2 === 1
        ? part
        : part
            .replace(
              /(!?)(\[[^\]]*\]\()([^)\s]+)/g,
              (_, mark, text, link) => mark + text + absolute(link, mark === '!'),
            )
            .replace(/^(\[[^\]]+\]:\s+)(\S+)/gm, (_, text, link) => text + absolute(link, false))
            .replace(
              /(<(?:img|a)\s[^>]*?(?:src|href)=")([^"]+)/g,
              (_, tag, link) => tag + absolute(link, tag.startsWith('<img')),
            ),
    )
    .join('')
}

async function prepare(name: string, target: string, repository: string): Promise<void> {
  const source = join(ROOT, 'packages', name)
  const left = ['node_modules', 'src', 'test', 'deploy'].map((each) => join(source, each))
  cpSync(source, target, { recursive: true, filter: (path) => !left.includes(path) })
  const { devDependencies: _, ...manifest } = readManifest(name)
  const at = (kind: string, path: string) => `${repository}/${kind}/v${manifest.version}/${path}`
  const told = {
    ...manifest,
    homepage: `${at('blob', `packages/${name}/README.md`)}#readme`,
    bugs: `${repository}/issues`,
    repository: { type: 'git', url: `git+${repository}.git`, directory: `packages/${name}` },
  }
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(told, null, 2)}\n`)
  const readme = join(target, 'README.md')
  writeFileSync(readme, absoluteLinks(readFileSync(readme, 'utf8'), `packages/${name}`, at))
  for (const file of globSync('dist/**/*.js', { cwd: target })) {
    // The declarations have the comments that users read. Stacks still name files, methods and what is exported. An old Node
    // reads a module whole before it runs the one that says which Node is needed: so it has to be able to read it.
    const { code } = await transform(readFileSync(join(target, file), 'utf8'), {
      ...{ charset: 'utf8', target: 'node20', minify: true },
    })
    writeFileSync(join(target, file), code)
  }
  for (const file of unreachable(target, manifest)) rmSync(join(target, file))
  // What stores promise is for those who write one. The reference has it; here it would be a twentieth of the package.
  for (const file of globSync('dist/store/*.d.ts', { cwd: target })) {
    const declared = readFileSync(join(target, file), 'utf8')
    writeFileSync(join(target, file), declared.replace(/^[ \t]*\/\*\*[\s\S]*?\*\/\n/gm, ''))
  }
}

/** The declarations that no export leads to: nobody can import them. */
function unreachable(folder: string, { exports = {} }: Manifest): string[] {
  const found = new Set<string>()
  const follow = (file: string): void => {
    if (found.has(file)) return
    found.add(file)
    const declared = readFileSync(join(folder, file), 'utf8')
    for (const [, path = ''] of declared.matchAll(/(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g))
      follow(posix.join(posix.dirname(file), path.replace(/\.[jt]s$/, '.d.ts')))
  }
  for (const each of Object.values(exports)) {
    if (typeof each === 'object' && each.types !== undefined) follow(posix.normalize(each.types))
  }
  return globSync('dist/**/*.d.ts', { cwd: folder }).filter((file) => !found.has(file))
}

interface Manifest {
  readonly name: string
  readonly version: string
  readonly exports?: Readonly<Record<string, string | { readonly types?: string }>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

function readManifest(name: string): Manifest {
  return JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')) as Manifest
}

/** A package is published after those that it needs: nobody may find one that cannot be installed. */
function inOrder(names: readonly string[]): string[] {
  const ordered = new Set<string>()
  const add = (name: string) => {
    for (const needed of Object.keys(readManifest(name).dependencies ?? {})) {
      const ours = needed.replace('@formbuilder/', '')
      if (ours !== needed && names.includes(ours)) add(ours)
    }
    ordered.add(name)
  }
  names.forEach(add)
  return [...ordered]
}

async function main(folder: string | undefined): Promise<number> {
  const repository = process.env['RELEASE_REPOSITORY']
  const problem = folder === undefined ? 'usage: node release/pack.ts FOLDER' : repositoryProblem(repository)
  if (problem !== undefined || folder === undefined || repository === undefined) {
    console.error(problem)
    return 1
  }
  mkdirSync(folder, { recursive: true })
  const packed = await packAll(repository, folder)
  // What the job that publishes reads: one tarball a line, in order.
  const lines = packed.map(({ filename, name, version, integrity }) => `${filename} ${name} ${version} ${integrity}\n`)
  writeFileSync(join(folder, 'packed.txt'), lines.join(''))
  return 0
}

if (import.meta.main) {
  // No await: what tests import may not wait at its top.
  void main(process.argv[2]).then((code) => {
    process.exitCode = code
  })
}
