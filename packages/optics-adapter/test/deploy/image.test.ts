import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { validate } from 'dockerfile-utils'
import { parse } from 'yaml'
import { KNOWN_SETTINGS } from './settings.ts'

const DEPLOY = new URL('../../deploy/', import.meta.url)
const ROOT = new URL('../../../../', import.meta.url)
const dockerfile = readFileSync(new URL('Dockerfile', DEPLOY), 'utf8')

describe('the image', () => {
  const stages = dockerfile.split(/^FROM /m).slice(1)

  it('has a Dockerfile without errors', () => {
    const problems = validate(dockerfile).map(({ message, range }) => `${range.start.line + 1}: ${message}`)

    expect(problems).to.deep.equal([])
  })

  it('is built from files that exist and are not ignored', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, files = '']) => files.split(' '))
    const ignored = readFileSync(new URL('Dockerfile.dockerignore', DEPLOY), 'utf8')

    expect(copied.filter((file) => !existsSync(new URL(file, ROOT)))).to.deep.equal([])
    expect(ignored).to.match(/^\*\*$/m)
    for (const file of [
      'package-lock.json',
      'packages/adapter-sdk/views',
      'packages/optics-adapter/deploy/healthcheck.mjs',
    ])
      expect(ignored).to.contain(`!${file}`)
  })

  it('runs only programs that the packages build', () => {
    const programs = [...dockerfile.matchAll(/packages\/[\w/-]+\/dist\/[\w/-]+\.js/g)].map(([program]) => program)

    const sources = programs.map((program) => program.replace('/dist/', '/src/').replace(/js$/, 'ts'))
    expect(programs).to.have.length(1)
    expect(sources.filter((file) => !existsSync(new URL(file, ROOT)))).to.deep.equal([])
  })

  it('has the commands that operators are told to run in a pod', () => {
    const last = stages.at(-1) ?? ''
    const runbooks = ['docs/operations.md', 'docs/migrate-from-ruby.md'].map((file) =>
      readFileSync(new URL(file, ROOT), 'utf8'),
    )
    const told = new Set(runbooks.join().match(/(?<=`)(adapter|submitter|optics-adapter)(?= [a-z]+)/g))
    expect(told).to.include('submitter')

    expect(last).to.match(/PATH=\/app\/node_modules\/\.bin:/)
    for (const [name, folder] of [
      ['adapter', 'adapter-sdk'],
      ['submitter', 'submitter'],
      ['optics-adapter', 'optics-adapter'],
    ]) {
      expect(stages[1], name).to.contain(`COPY packages/${folder}/bin packages/${folder}/bin`)
      expect(stages[1], name).to.contain(`COPY packages/${folder}/node-version.cjs packages/${folder}/`)
      expect(last, name).to.contain(`COPY --from=build /build/packages/${folder}/dist packages/${folder}/dist`)
    }
  })

  it('has a last stage without a compiler, root or a shell script', () => {
    const last = stages.at(-1) ?? ''

    expect(stages.length).to.equal(3)
    expect(stages[1]).to.contain('npm ci --omit=dev --ignore-scripts')
    expect(last).not.to.match(/npm|tsc/)
    expect(last).to.match(/^USER 1000:1000$/m)
    expect(last).to.match(/^HEALTHCHECK /m)
    expect(last).to.match(/^ENTRYPOINT \["node", /m)
  })

  it('uses the Node version that the project is tested with', () => {
    const { devDependencies } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as {
      devDependencies: { node: string }
    }

    const images = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image = '']) =>
      image.replace(/@sha256:[0-9a-f]{64}$/, ''),
    )
    expect(new Set(images)).to.deep.equal(new Set([`node:${devDependencies.node}-bookworm-slim`]))
  })
})

describe('the health check of the image', () => {
  const check = async (port: number) => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('healthcheck.mjs', DEPLOY))], {
      env: { PORT: String(port) },
      stdio: 'ignore',
    })
    const [code] = (await once(child, 'exit')) as [number]
    return code
  }

  it('exits with 0 only when /health answers 200', async () => {
    let status = 200
    const server: Server = createServer((asked, response) => {
      response.statusCode = asked.url === '/health' ? status : 404
      response.end()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo

    const healthy = await check(port)
    status = 503
    const unhealthy = await check(port)
    await new Promise((resolve) => server.close(resolve))
    const stopped = await check(port)

    expect([healthy, unhealthy, stopped]).to.deep.equal([0, 1, 1])
  })
})

describe('the compose file', () => {
  interface Service {
    readonly environment: Record<string, string>
    readonly entrypoint: readonly string[]
    readonly network_mode?: string
    readonly read_only?: boolean
    readonly build?: { dockerfile: string }
  }
  const { services } = parse(readFileSync(new URL('compose.yaml', DEPLOY), 'utf8'), { merge: true }) as {
    services: Readonly<Record<string, Service>>
  }

  it('sets only known settings, with a read-only file system', () => {
    for (const name of ['web', 'worker']) {
      const service = services[name]
      expect(Object.keys(service?.environment ?? {}).filter((each) => !KNOWN_SETTINGS.has(each))).to.deep.equal([])
      expect(service?.read_only).to.equal(true)
      expect(existsSync(new URL(service?.build?.dockerfile ?? 'none', ROOT))).to.equal(true)
    }
    expect(services['worker']?.environment).to.include({ ADAPTER_ROLE: 'worker' })
  })

  it('runs the stand-in at the address where the worker expects Optics, with the same keys', () => {
    const [optics, worker] = [services['optics'], services['worker']]
    const { OPTICS_API_KEY, OPTICS_SECRET_KEY } = worker?.environment ?? {}

    expect(worker?.environment).to.include({ OPTICS_ENDPOINT: 'http://127.0.0.1:8600' })
    expect(optics).to.deep.include({
      network_mode: 'service:worker',
      environment: { OPTICS_API_KEY, OPTICS_SECRET_KEY },
      entrypoint: ['node', 'packages/optics-adapter/dist/stand-in/main.js'],
    })
  })

  it("forwards its published port to the operator's page", async () => {
    const page = createServer((_asked, response) => response.end('the page')).listen(0, '127.0.0.1')
    await once(page, 'listening')
    const source = services['operator-page']?.entrypoint[2] ?? ''
    const port = services['worker']?.environment['ADMIN_PORT'] ?? 'none'
    const onFreePort = source
      .replace(port, String((page.address() as AddressInfo).port))
      .replace('.listen(3001)', ".listen(0, '127.0.0.1', function () { console.log(this.address().port) })")
    const forwarder = spawn(process.execPath, ['-e', onFreePort], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [listening] = (await once(forwarder.stdout, 'data')) as [Buffer]

    const answer = await fetch(`http://127.0.0.1:${Number(listening)}/`)
    const text = await answer.text()
    forwarder.kill()
    await once(forwarder, 'exit')
    page.closeAllConnections()
    page.close()

    expect(text).to.equal('the page')
  })
})
