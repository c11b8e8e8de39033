/**
 * A registry on this machine that has our packages as they would be published, and tells of every package that the
 * lockfile names. Only what is neither is asked for elsewhere; tarballs that were installed once are in npm's cache.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { packAll } from '../release/pack.ts'
import { copyLinked, madeOnce } from './made-once.ts'

const ROOT = resolve(import.meta.dirname, '..')
const ELSEWHERE = 'https://registry.npmjs.org'

/** The address that the packages name. */
const REPOSITORY = 'https://github.com/owner/name'

export interface Packed {
  readonly name: string
  readonly version: string
  /** Of the tarball. */
  readonly size: number
  readonly unpackedSize: number
  readonly files: readonly { readonly path: string; readonly size: number }[]
  /** The tarball. */
  readonly file: string
}

export interface LocalRegistry extends AsyncDisposable {
  readonly packages: readonly Packed[]
  /** An empty folder, removed with the registry. */
  readonly folder: string
  /** Runs a command as somebody would who knows this registry: with this Node, and none of this repository's settings. */
  run(command: string, options?: RunOptions): Promise<string>
  /** What `run` gives its commands. */
  readonly environment: NodeJS.ProcessEnv
}

export interface RunOptions {
  readonly cwd?: string
  readonly environment?: Readonly<Record<string, string>>
}

/** Packs every package and serves the tarballs. */
export async function startLocalRegistry(): Promise<LocalRegistry> {
  const [tarballs, packages] = await packOnce()
  const folder = mkdtempSync(join(tmpdir(), 'registry-'))
  mkdirSync(join(folder, 'work'))
  const locked = readLocked()
  // The cache outlives registries, and knows each by its address: one at the port of an earlier one would serve its packages.
  const root = `/${basename(folder)}`
  const server = createServer((request, response) => {
    const url = (request.url ?? '').replace(root, '')
    const path = decodeURIComponent(url)
    const tarball = packages.find(({ file }) => path === `/${file}`)
    const named = packages.find(({ name }) => path === `/${name}`)
    if (tarball !== undefined) response.end(readFileSync(join(tarballs, tarball.file)))
    else if (named !== undefined)
      response.end(JSON.stringify(document(named, tarballs, `http://${request.headers.host}${root}`)))
    else if (locked.has(path.slice(1))) response.end(JSON.stringify(locked.get(path.slice(1))))
    else response.writeHead(302, { Location: `${ELSEWHERE}${url}` }).end()
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))

  const settings = join(folder, '.npmrc')
  const { port } = server.address() as AddressInfo
  // A fetch that hangs is repeated long before the command is given up: npm alone waits for five minutes.
  const fetching = 'prefer-offline=true\nfetch-timeout=20000\naudit=false\nfund=false\nupdate-notifier=false\n'
  writeFileSync(settings, `registry=http://127.0.0.1:${port}${root}/\n${fetching}`)
  const work = join(folder, 'work')
  const environment = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS.test(name))),
    NPM_CONFIG_USERCONFIG: settings,
    NPM_CONFIG_CACHE: await makeCache(join(folder, 'cache')),
    // Where a colleague's npm would ask before it runs a package that it has not seen.
    NPM_CONFIG_YES: 'true',
    PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
    NO_COLOR: '1',
  }
  return {
    packages,
    folder: work,
    environment,
    async run(command, options = {}) {
      const { stdout } = await promisify(execFile)('sh', ['-c', command], {
        cwd: options.cwd ?? work,
        env: { ...environment, ...options.environment },
        timeout: PATIENCE_MILLISECONDS,
        maxBuffer: 16 * 1024 * 1024,
      })
      return stdout
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Settings of this repository's own run. A trust root that the machine needs to reach a registry is not one of them. */
const OURS = /^(npm_|node_(?!extra_ca_certs$)|mocha)/i

/** For a registry far away on a bad day: nobody waits that long who has what the lockfile names. */
const PATIENCE_MILLISECONDS = 300_000

/**
 * The downloads of this machine's cache, and none of the packages that npx has installed in it: among those may be one
 * of ours, of the same version and made before the last change.
 */
async function makeCache(cache: string): Promise<string> {
  const { stdout } = await promisify(execFile)('npm', ['config', 'get', 'cache'], { cwd: ROOT })
  const downloads = join(stdout.trim(), '_cacache')
  mkdirSync(downloads, { recursive: true })
  mkdirSync(cache)
  symlinkSync(downloads, join(cache, '_cacache'), 'junction')
  return cache
}

/** The packages as a release packs them, and the folder with the tarballs. Packed once, and again when one has changed. */
export async function packOnce(): Promise<[folder: string, packages: readonly Packed[]]> {
  const folder = await madeOnce('packed', SOURCES, async (empty) => {
    const packed = await packAll(REPOSITORY, empty)
    const packages = packed.map(({ filename, ...told }) => ({ ...told, file: filename }))
    writeFileSync(join(empty, 'packages.json'), JSON.stringify(packages))
  })
  return [folder, JSON.parse(readFileSync(join(folder, 'packages.json'), 'utf8'))]
}

/** All that packages are packed from. */
const SOURCES = ['release/pack.ts', 'packages/*/*', 'packages/*/{bin,dist,views,template}/**']

/** A project in which every package is installed: by npm for the first that asks, and a copy of it for others. */
export async function installAll({ packages, folder, run }: LocalRegistry, name: string): Promise<string> {
  const project = join(folder, name)
  const made = await madeOnce('installed', [...SOURCES, 'package-lock.json'], async (empty) => {
    // Not in that folder: what a package has not named must not be found above it.
    mkdirSync(project)
    await run('npm init -y', { cwd: project })
    await run(`npm install ${packages.map((each) => each.name).join(' ')}`, { cwd: project })
    copyLinked(project, empty)
    rmSync(project, { recursive: true })
  })
  copyLinked(made, project)
  return project
}

/** What a registry says of a package. */
function document(packed: Packed, folder: string, address: string): object {
  const name = packed.name.replace('@formbuilder/', '')
  const manifest = JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')) as object
  const integrity = `sha512-${createHash('sha512')
    .update(readFileSync(join(folder, packed.file)))
    .digest('base64')}`
  const dist = { tarball: `${address}/${packed.file}`, integrity }
  return {
    name: packed.name,
    'dist-tags': { latest: packed.version },
    versions: { [packed.version]: { ...manifest, dist } },
  }
}

/** What a registry would say of the packages that this repository has installed, or would on another platform. */
function readLocked(): Map<string, object> {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as { packages: Record<string, Locked> }
  const documents = new Map<string, { name: string; 'dist-tags': object; versions: Record<string, object> }>()
  for (const [path, { integrity, ...manifest }] of Object.entries(lock.packages)) {
    const [, name] = /^(?:.*\/)?node_modules\/(.+)$/.exec(path) ?? []
    if (name === undefined || integrity === undefined) continue
    const { version } = manifest
    const found = documents.get(name) ?? { name, 'dist-tags': {}, versions: {} }
    const tarball = `${ELSEWHERE}/${name}/-/${basename(name)}-${version}.tgz`
    found.versions[version] = { ...manifest, name, dist: { tarball, integrity } }
    found['dist-tags'] = { latest: version }
    documents.set(name, found)
  }
  return documents
}

interface Locked {
  readonly version: string
  readonly integrity?: string
}
