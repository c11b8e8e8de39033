/** Checks the Dockerfile of the gateway against the packages that it is built from. */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { validate } from 'dockerfile-utils'

const ROOT = resolve(import.meta.dirname, '../../../..')
const DEPLOY = join(ROOT, 'packages/gp-connect-provider/deploy')
const dockerfile = readFileSync(join(DEPLOY, 'Dockerfile'), 'utf8')
const stages = dockerfile.split(/^FROM /m).slice(1)

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

const manifest = (path: string): Manifest => JSON.parse(readFileSync(join(ROOT, path, 'package.json'), 'utf8'))

describe('the image of the gateway', () => {
  it('has a Dockerfile without errors', () => {
    expect(validate(dockerfile).map(({ message, range }) => `${range.start.line + 1}: ${message}`)).to.deep.equal([])
  })

  it('is built from files that exist and are not ignored', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, files = '']) => files.split(' '))
    const ignored = readFileSync(join(DEPLOY, 'Dockerfile.dockerignore'), 'utf8')

    expect(copied).to.have.length.above(8)
    expect(copied.filter((file) => !existsSync(join(ROOT, file)))).to.deep.equal([])
    expect(ignored)
      .to.match(/^\*\*$/m)
      .and.contain('!package-lock.json')
      .and.contain('!packages/*/bin')
  })

  it('has each of our packages that the gateway needs, and runs a program that is built', () => {
    const last = stages.at(-1) ?? ''
    const ours = Object.keys(manifest('packages/gp-connect-provider').dependencies ?? {}).filter((name) =>
      name.startsWith('@formbuilder/'),
    )

    for (const name of [...ours, '@formbuilder/gp-connect-provider']) {
      const folder = name.replace('@formbuilder', 'packages')
      expect(stages[1], name).to.contain(`COPY ${folder}/package.json ${folder}/`)
      expect(stages[1], name).to.contain(`COPY ${folder}/node-version.cjs ${folder}/`)
      expect(last, name).to.contain(`COPY --from=build /build/${folder}/dist ${folder}/dist`)
    }
    const [, program = ''] = /^ENTRYPOINT \["node", "([^"]+)", "gateway"\]$/m.exec(last) ?? []
    expect(existsSync(join(ROOT, program.replace('/dist/', '/src/').replace(/js$/, 'ts')))).to.equal(true)
  })

  it('has a last stage without a compiler or root', () => {
    const last = stages.at(-1) ?? ''

    expect(stages).to.have.length(3)
    expect(stages[1]).to.contain('npm ci --omit=dev --ignore-scripts')
    expect(last).not.to.match(/npm|tsc/)
    expect(last)
      .to.match(/^USER 1000:1000$/m)
      .and.match(/^HEALTHCHECK .*"--health"\]$/m)
      .and.match(/^STOPSIGNAL SIGTERM$/m)
  })

  it('uses the Node version that the project is tested with', () => {
    const images = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image = '']) => image)

    expect(new Set(images)).to.deep.equal(new Set([`node:${manifest('.').devDependencies?.['node']}-bookworm-slim`]))
  })
})
