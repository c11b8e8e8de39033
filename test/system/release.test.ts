/** How a release is made: nothing loose goes in, and what publishes has the tarballs and nothing else. */
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { parse } from 'yaml'
import { absoluteLinks, type Packed, packAll, repositoryProblem } from '../../release/pack.ts'
import { filesWithPins, findLoose, pin } from '../../release/pins.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const SHA = 'a'.repeat(40)
const DIGEST = `sha256:${'b'.repeat(64)}`

describe('what a release is built with', () => {
  let folder: string
  let registry: Server
  const asked: string[] = []
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pins-'))
    // Speaks as a registry of images does: the first question is answered with where a token is to be had.
    registry = createServer((request, response) => {
      const port = (registry.address() as AddressInfo).port
      asked.push(`${request.method} ${request.url}`)
      if (request.url?.startsWith('/token') === true) response.end(JSON.stringify({ token: 'for-everybody' }))
      else if (request.headers.authorization !== 'Bearer for-everybody') {
        const challenge = `Bearer realm="http://127.0.0.1:${port}/token",service="registry",scope="repository:x:pull"`
        response.writeHead(401, { 'WWW-Authenticate': challenge }).end()
      } else if (request.url?.endsWith('/missing') === true) response.writeHead(404).end()
      else response.writeHead(200, { 'Docker-Content-Digest': DIGEST }).end()
    })
    await new Promise<void>((listening) => registry.listen(0, '127.0.0.1', listening))
  })
  after(() => {
    registry.closeAllConnections()
    registry.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const sources = () => ({ actions: folder, images: `http://127.0.0.1:${(registry.address() as AddressInfo).port}` })

  for (const [text, name] of [
    ['      - uses: actions/checkout@v5', 'actions/checkout@v5'],
    ['        uses: "owner/repo/folder@main" # why', 'owner/repo/folder@main'],
    ['      - uses: owner/repo@abcdef1', 'owner/repo@abcdef1'],
    ['      - uses: docker://alpine:3', 'alpine:3'],
    ['    container: node:24', 'node:24'],
    ['    image: postgres:17-alpine', 'postgres:17-alpine'],
    ['FROM node:24-slim AS build', 'node:24-slim'],
    ['FROM --platform=linux/amd64 node:24', 'node:24'],
    ['FROM $BASE', '$BASE'],
    ['COPY --from=busybox:1 /bin/sh /bin/sh', 'busybox:1'],
    ['# syntax=docker/dockerfile:1', 'docker/dockerfile:1'],
  ] as const) {
    it(`is loose as ${text.trim()}`, () => {
      expect(findLoose(text).map((loose) => loose.name)).to.deep.equal([name])
    })
  }

  for (const text of [
    `      - uses: actions/checkout@${SHA} # v5`,
    '      - uses: ./.github/actions/own',
    `FROM node:24@${DIGEST}`,
    `FROM node:24@${DIGEST} AS build\nFROM build\nCOPY --from=build /a /b`,
    'COPY --from=0 /a /b',
    'FROM scratch',
    '    image: optics-adapter',
    '      # a comment that says uses: nothing',
  ]) {
    it(`is fast as ${JSON.stringify(text).slice(0, 70)}`, () => expect(findLoose(text)).to.deep.equal([]))
  }

  it('is found in every file that names an action or an image', () => {
    expect(filesWithPins(ROOT)).to.deep.equal([
      '.github/workflows/ci.yml',
      '.github/workflows/release.yml',
      'packages/create-adapter/template/common/Dockerfile',
      'packages/create-adapter/template/common/github/workflows/test.yml',
      'packages/gp-connect-provider/deploy/Dockerfile',
      'packages/optics-adapter/deploy/Dockerfile',
      'packages/optics-adapter/deploy/compose.yaml',
    ])
  })

  it('is pinned by a look-up: the commit of a tag with a message and of one without, the digest of an image', async () => {
    const repository = join(folder, 'owner/repo')
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: repository, encoding: 'utf8' })
    mkdirSync(repository, { recursive: true })
    git('init', '--quiet')
    git('commit', '--quiet', '--allow-empty', '--message=one')
    git('tag', 'v1')
    git('commit', '--quiet', '--allow-empty', '--message=two')
    git('tag', '--annotate', '--message=two', 'v2')
    const [two, one] = git('log', '--format=%H').trim().split('\n')

    const pinned = await pin(
      '  uses: owner/repo@v1\n  uses: owner/repo/sub@v2\nFROM node:24-slim AS a\nFROM a\n',
      sources(),
    )

    expect(pinned).to.equal(
      `  uses: owner/repo@${one} # v1\n  uses: owner/repo/sub@${two} # v2\nFROM node:24-slim@${DIGEST} AS a\nFROM a\n`,
    )
    expect(findLoose(pinned)).to.deep.equal([])
    expect(asked).to.include('HEAD /v2/library/node/manifests/24-slim')
  })

  it('is not guessed: an unknown tag or image ends the look-up', async () => {
    const failure = async (text: string) => await pin(text, sources()).then(() => 'pinned', String)

    expect(await failure('  uses: owner/repo@v9')).to.match(/owner\/repo@v9 names no commit/)
    expect(await failure('FROM node:missing')).to.match(/node:missing: no digest \(404\)/)
  })

  it('stops the release, and no test, where something is loose: by file, line and name', () => {
    const copy = join(folder, 'copy')
    mkdirSync(join(copy, '.github/workflows'), { recursive: true })
    const check = (text: string) => {
      writeFileSync(join(copy, '.github/workflows/a.yml'), text)
      const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'release/pins.ts'), '--check', copy], {
        encoding: 'utf8',
      })
      return { status, first: stderr.split('\n')[0] }
    }

    expect(check('jobs:\n  - uses: a/b@v1\n')).to.deep.equal({
      status: 1,
      first: '.github/workflows/a.yml:2: a/b@v1 is not pinned',
    })
    expect(check(`jobs:\n  - uses: a/b@${SHA} # v1\n`)).to.deep.equal({ status: 0, first: '' })
    expect(readFileSync(join(ROOT, '.ci/run'), 'utf8')).not.to.include('pins')
  })
})

describe('the workflow of a release', () => {
  interface Job {
    readonly needs?: string
    readonly permissions: Readonly<Record<string, string>>
    readonly environment?: string
    readonly steps: readonly { readonly uses?: string; readonly run?: string; readonly env?: object }[]
  }
  const text = readFileSync(join(ROOT, '.github/workflows/release.yml'), 'utf8')
  const { jobs } = parse(text) as { jobs: Readonly<Record<'build' | 'publish', Job>> }
  const commands = (job: Job) => job.steps.flatMap(({ run }) => run ?? [])

  it('builds and tests without a token, and checks the pins before it runs anything of others', () => {
    expect(jobs.build.permissions).to.deep.equal({ contents: 'read' })
    expect(jobs.build.environment).to.equal(undefined)
    expect(commands(jobs.build)[0]).to.equal('node release/pins.ts --check')
    expect(commands(jobs.build)).to.include('npm run --silent release:pack -- tarballs')
  })

  it('publishes in a job of its own that has the tarballs, and neither the source nor its packages', () => {
    expect(jobs.publish).to.deep.include({ needs: 'build', environment: 'npm', permissions: { 'id-token': 'write' } })
    expect(jobs.publish.steps.flatMap(({ uses }) => uses?.split('@')[0] ?? [])).to.deep.equal([
      'actions/download-artifact',
      'actions/setup-node',
    ])
    expect(commands(jobs.publish).join()).not.to.match(/npm (ci|install|run)|npx|lerna/)
  })

  it('publishes in order, once: what an earlier run has published is left alone, and a refusal ends it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'publish-'))
    const npm = (refused: string) =>
      writeFileSync(
        join(folder, 'npm'),
        `#!/bin/sh
[ "$1" = view ] && { [ "$2" = "b@1.0.0" ] && echo sha512-B; exit 0; }
echo "$@" >> said
[ "$2" != "${refused}" ]
`,
      )
    const publish = async () =>
      await promisify(execFile)('bash', ['-c', commands(jobs.publish)[0] ?? ''], {
        cwd: folder,
        env: { PATH: `${folder}:/usr/bin:/bin` },
      }).then(
        () => 0,
        ({ code }) => code,
      )
    const said = () => readFileSync(join(folder, 'said'), 'utf8').trim().split('\n')
    writeFileSync(
      join(folder, 'packed.txt'),
      'a.tgz a 1.0.0 sha512-A\nb.tgz b 1.0.0 sha512-B\nc.tgz c 1.0.0 sha512-C\n',
    )
    npm('none')
    chmodSync(join(folder, 'npm'), 0o755)

    expect(await publish()).to.equal(0)
    expect(said()).to.deep.equal(['a', 'c'].map((name) => `publish ./${name}.tgz --ignore-scripts --access public`))

    npm('./a.tgz')
    rmSync(join(folder, 'said'))
    expect(await publish()).not.to.equal(0)
    expect(said()).to.have.length(1)
    rmSync(folder, { recursive: true })
  })
})

describe('what a release packs', () => {
  const REPOSITORY = 'https://github.com/owner/name'
  let folder: string
  let packed: Packed[]
  before(async function () {
    this.timeout(120_000)
    folder = mkdtempSync(join(tmpdir(), 'release-'))
    packed = await packAll(REPOSITORY, folder)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))
  const read = ({ filename }: Packed, file: string) =>
    execFileSync('tar', ['-xzOf', join(folder, filename), `package/${file}`], { encoding: 'utf8' })

  it('is every package, after those that it needs', () => {
    const names = packed.map(({ name }) => name.replace('@formbuilder/', ''))

    expect([...names].sort()).to.deep.equal(readdirSync(join(ROOT, 'packages')).sort())
    expect(names.indexOf('secure-server')).to.be.below(names.indexOf('adapter-sdk'))
    expect(names.indexOf('adapter-sdk')).to.be.below(names.indexOf('submitter'))
  })

  it('is below 200 KB each', () => {
    expect(packed.filter(({ size }) => size >= 200_000).map(({ name, size }) => `${name}: ${size}`)).to.deep.equal([])
  })

  it('names the repository, as provenance demands', () => {
    for (const each of packed) {
      const manifest = JSON.parse(read(each, 'package.json'))
      const directory = `packages/${each.name.replace('@formbuilder/', '')}`

      expect(manifest.repository).to.deep.equal({ type: 'git', url: `git+${REPOSITORY}.git`, directory })
      expect(manifest).not.to.have.property('devDependencies')
    }
  })

  it('has no relative link in a README', () => {
    for (const each of packed) {
      const prose = read(each, 'README.md').replace(/^```[\s\S]*?^```|`[^`\n]*`/gm, '')
      const links = [...prose.matchAll(/\]\(([^)\s]+)/g)].map(([, link = '']) => link)

      expect(
        links.filter((link) => !/^(https:\/\/|mailto:|#)/.test(link)),
        each.name,
      ).to.deep.equal([])
    }
  })

  it('takes links, pictures and references to the commit of the release, and leaves code as it is', () => {
    const at = (kind: string, path: string) => `https://x/${kind}/v1/${path}`
    const absolute = (text: string) => absoluteLinks(text, 'packages/submitter', at)

    expect(absolute('[a](../../docs/README.md#which-node) ![b](../../docs/images/operator-page.png)')).to.equal(
      '[a](https://x/blob/v1/docs/README.md#which-node) ![b](https://x/raw/v1/docs/images/operator-page.png)',
    )
    expect(absolute('[a]: ../adapter-sdk\n[b](#here) [c](https://gov.uk)')).to.equal(
      '[a]: https://x/blob/v1/packages/adapter-sdk\n[b](#here) [c](https://gov.uk)',
    )
    expect(absolute('`[a](b)`\n```\n[a](b)\n```\n')).to.equal('`[a](b)`\n```\n[a](b)\n```\n')
    expect(() => absolute('[a](nowhere.md)')).to.throw('packages/submitter/README.md: nowhere.md leads nowhere')
    expect(() => absolute('[a](../../../outside)')).to.throw('leads nowhere')
  })

  for (const [repository, problem] of [
    [undefined, 'RELEASE_REPOSITORY is not set'],
    ['', 'RELEASE_REPOSITORY is not set'],
    ['owner/name', 'is not the https address'],
    ['http://github.com/owner/name', 'is not the https address'],
    ['https://github.com/owner', 'is not the https address'],
    ['https://github.com/owner/name.git', 'is not the https address'],
    ['https://user:secret@github.com/owner/name', 'is not the https address'],
  ] as const) {
    it(`is nothing where RELEASE_REPOSITORY is ${JSON.stringify(repository) ?? 'absent'}`, () => {
      expect(repositoryProblem(repository)).to.contain(problem)
      const { RELEASE_REPOSITORY: _, ...environment } = process.env
      const target = join(folder, 'none')
      const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'release/pack.ts'), target], {
        env: { ...environment, ...(repository !== undefined && { RELEASE_REPOSITORY: repository }) },
        encoding: 'utf8',
      })

      expect(status).to.equal(1)
      expect(stderr).to.contain('RELEASE_REPOSITORY')
      expect(stderr).not.to.contain('secret')
      expect(readdirSync(folder)).not.to.include('none')
    })
  }
})

describe('the changelogs', () => {
  it('are made from the commits of each package, and packed with it', async function () {
    this.timeout(120_000)
    const folder = mkdtempSync(join(tmpdir(), 'changelog-'))
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: folder, stdio: 'pipe' })
    for (const file of ['package.json', 'package-lock.json', 'lerna.json', 'LICENSE'])
      cpSync(join(ROOT, file), join(folder, file))
    for (const name of readdirSync(join(ROOT, 'packages'))) {
      mkdirSync(join(folder, 'packages', name), { recursive: true })
      cpSync(join(ROOT, 'packages', name, 'package.json'), join(folder, 'packages', name, 'package.json'))
    }
    git('init', '--quiet', '--initial-branch=main')
    git('add', '.')
    git('commit', '--quiet', '--message=chore: begin')
    git('tag', 'v0.1.0')
    writeFileSync(join(folder, 'packages/submitter/a.js'), '')
    git('add', '.')
    git('commit', '--quiet', '--message=feat(submitter): name the key that fits')

    const lerna = join(ROOT, 'node_modules/lerna/dist/cli.js')
    const args = ['version', '--yes', '--no-push', '--no-git-tag-version', '--no-commit-hooks']
    await promisify(execFile)(process.execPath, [lerna, ...args], {
      cwd: folder,
      env: { ...process.env, NX_DAEMON: 'false', CI: 'true', npm_config_offline: 'true' },
    })
    const changelog = readFileSync(join(folder, 'packages/submitter/CHANGELOG.md'), 'utf8')
    const [{ files }] = JSON.parse(
      execFileSync('npm', ['pack', '--json', '--dry-run', '--ignore-scripts'], {
        cwd: join(folder, 'packages/submitter'),
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    )
    rmSync(folder, { recursive: true })

    expect(changelog).to.match(/### Features\s+\* \*\*submitter:\*\* name the key that fits/)
    expect(files.map(({ path }: { path: string }) => path)).to.include('CHANGELOG.md')
  })
})
