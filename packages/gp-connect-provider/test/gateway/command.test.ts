/** Tests the command `gateway`: its file, what it checks, its health and its end. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { freePort } from '../../../adapter-sdk/test/free-port.ts'
import { runGatewayCommand } from '../../src/gateway-command.ts'
import { readGatewayFile } from '../../src/gateway-file.ts'
import { until } from '../cases/case.ts'
import { Pki, SSP_FQDN } from '../pki.ts'
import { PUBLIC_URL, ROOTS, readRecords } from '../practice.ts'
import { ask, PATIENT } from '../requests.ts'
import { SECRET, startUpstream, type TestUpstream } from './upstream.ts'

const COMMAND = resolve(import.meta.dirname, '../../bin/gp-connect-provider.cjs')

type Change = (file: Record<string, Record<string, unknown>>) => void

describe('gp-connect-provider gateway', () => {
  let pki: Pki
  let folder: string

  before(async () => {
    pki = await Pki.create()
    folder = mkdtempSync(join(tmpdir(), 'gp-connect-command-'))
    mkdirSync(join(folder, 'secrets'))
    writeFileSync(join(folder, 'secrets/claims'), SECRET)
    writeFileSync(join(folder, 'secrets/short'), SECRET.slice(0, 31))
    writeFileSync(join(folder, 'secrets/other.key'), pki.credentials('ssp-valid')?.key ?? '')
  })

  after(async () => {
    await pki[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  const valid = () => ({
    publicUrl: PUBLIC_URL,
    serviceRoots: { [ROOTS['v1.2'].path]: { asid: ROOTS['v1.2'].asid, preset: 'v1.2' } },
    audit: { file: 'audit.jsonl' },
    server: {
      port: 0,
      host: '127.0.0.1',
      certFile: pki.path('server.pem'),
      keyFile: pki.path('server.key'),
      client: { caFiles: pki.caFiles, crlFiles: pki.crlFiles, fqdns: [SSP_FQDN] },
    },
    upstream: { url: 'http://127.0.0.1:1', secretFile: 'secrets/claims' } as Record<string, unknown>,
    health: { port: 0 },
  })

  const write = (content: unknown): string => {
    const file = join(folder, 'provider.json')
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
    return file
  }

  const run = async (...args: string[]) => {
    const said = { stdout: '', stderr: '' }
    const status = await runGatewayCommand(args, {
      write(text) {
        said.stdout += text
      },
      error(text) {
        said.stderr += text
      },
    })
    return { status, ...said }
  }

  const problemsOf = (content: unknown): readonly string[] => {
    try {
      readGatewayFile(write(content))
      return []
    } catch (error) {
      return (error as { problems: readonly string[] }).problems
    }
  }

  it('checks a file, and starts nothing', async () => {
    expect(await run('--config', write(valid()), '--check')).to.deep.equal({
      status: 0,
      stdout: 'nothing is wrong\n',
      stderr: '',
    })
  })

  it('finds the files that it names in its own folder, and flushes each record', () => {
    const { provider, upstream } = readGatewayFile(write({ ...valid(), switches: { file: 'switches.json' } }))

    expect(provider.audit).to.deep.equal({ file: join(folder, 'audit.jsonl'), flush: 'always' })
    expect(provider.switches).to.deep.equal({ file: join(folder, 'switches.json') })
    expect(upstream.secretFile).to.equal(join(folder, 'secrets/claims'))
  })

  it('names everything that is wrong at once, and no value', async () => {
    const file = {
      ...valid(),
      publicUrl: 'http://p9000000009.test',
      disabled: true,
      handlers: {},
      onEvent: 'x',
      maxBodyBytes: 0,
      server: {
        ...valid().server,
        prot: 1,
        port: 70_000,
        keyFile: 'secrets/none',
        limits: { connections: 0, conections: 1 },
      },
      upstream: { url: 'http://10.0.0.9', secretFile: 'secrets/short', retries: 3 },
      health: { port: -1, host: '0.0.0.0' },
      logLevel: 'loud',
      graceSeconds: '10',
    }

    const { status, stdout, stderr } = await run('--config', write(file), '--check')

    expect([status, stdout]).to.deep.equal([1, ''])
    expect(stderr.trim().split('\n')).to.deep.equal([
      'the option disabled of the file does not exist',
      'the option handlers of the file does not exist',
      'the option onEvent of the file does not exist',
      'publicUrl is not https',
      'maxBodyBytes is not a positive whole number',
      'the option prot of the server does not exist',
      'server.port is not between 0 and 65535',
      'server.keyFile cannot be read (ENOENT)',
      'limits.connections is not between 1 and 1000000',
      'the option conections of limits does not exist',
      'the option retries of the upstream does not exist',
      'the url of the upstream is none of http://127.0.0.1:PORT, unix:/PATH and https://HOST, without a path',
      'secretFile of the upstream has fewer than 32 bytes',
      'the option host of health does not exist',
      'health.port is not between 0 and 65535',
      'logLevel is not one of debug, info, warn, error, silent',
      'graceSeconds is not between 0 and 3600',
    ])
  })

  // biome-ignore format: a table
  const WRONG: readonly (readonly [what: string, change: Change, problem: string])[] = [
    ['an audit sink',            (file) => { file['audit'] = { open: 1, append: 1, close: 1 } },       'audit is neither a file nor a sink'],
    ['no audit',                 (file) => { delete file['audit'] },                                   'audit is neither a file nor a sink'],
    ['no service root',          (file) => { file['serviceRoots'] = {} },                              'serviceRoots is empty'],
    ['a rule that is none',      (file) => { file['rules'] = { traceid: 'any' } },                     'the rule traceid of the provider does not exist'],
    ['switches that are a list', (file) => { file['switches'] = [] as never },                         'switches is neither a file nor a function'],
    ['no upstream',              (file) => { delete file['upstream'] },                                'secretFile of the upstream is missing'],
    ['an upstream that is text', (file) => { file['upstream'] = 'http://127.0.0.1' as never },         'upstream is not an object'],
    ['no server',                (file) => { delete file['server'] },                                  'server.certFile is not the name of a file'],
    ['a server that is a list',  (file) => { file['server'] = [] as never },                           'server is not an object'],
    ['no names of the proxy',    (file) => { file['server'] = { ...file['server'], client: { caFiles: pki.caFiles, crlFiles: pki.crlFiles, fqdns: [] } } }, 'client.fqdns is empty'],
    ['no CRL',                   (file) => { file['server'] = { ...file['server'], client: { caFiles: pki.caFiles, crlFiles: [], fqdns: [SSP_FQDN] } } },    'client has neither crlFiles nor crlFetch'],
    ['a CRL that is missing',    (file) => { file['server'] = { ...file['server'], client: { caFiles: pki.caFiles, crlFiles: ['none'], fqdns: [SSP_FQDN] } } }, 'client.crlFiles cannot be read (ENOENT)'],
    ['a key of another',         (file) => { file['server'] = { ...file['server'], keyFile: 'secrets/other.key' } }, 'the key in server.keyFile does not belong to '],
    ['weak ciphers',             (file) => { file['server'] = { ...file['server'], ciphers: 'ALL' } }, 'ciphers has suites outside the four groups of the specification'],
    ['a folder as a secret',     (file) => { file['upstream'] = { ...file['upstream'], secretFile: 'secrets' } }, 'secretFile of the upstream cannot be read (EISDIR)'],
  ]

  for (const [what, change, problem] of WRONG) {
    it(`refuses a file with ${what}`, () => {
      const file = valid()
      change(file as never)

      expect(problemsOf(file).some((one) => one.startsWith(problem))).to.equal(true)
    })
  }

  for (const [what, text] of [
    ['is not JSON', '{'],
    ['is a list', '[]'],
    ['names a member twice', '{"publicUrl":"a","publicUrl":"b"}'],
    ['is not UTF-8', '\xff'],
  ] as const) {
    it(`refuses a file that ${what}`, async () => {
      writeFileSync(join(folder, 'bad.json'), text, 'latin1')
      const { status, stderr } = await run('--config', join(folder, 'bad.json'))

      expect([status, stderr]).to.deep.equal([1, 'the file is not a JSON object, or names a member twice\n'])
    })
  }

  // biome-ignore format: a table
  for (const [args, status, out, problem] of [
    [['--help'],                             0, /^Usage: .* gateway --config <file>/, /^$/],
    [[],                                     2, /^$/, /^error: [a-z-]/],
    [['--config'],                           2, /^$/, /^error: [a-z-]/],
    [['--config', 'x', '--chek'],            2, /^$/, /--chek/],
    [['--config', 'x', 'y'],                 2, /^$/, /^error: [a-z-]/],
    [['--config', 'x', '--check', '--health'], 2, /^$/, /^error: [a-z-]/],
    [['--config', '/none'],                  1, /^$/, /^the file cannot be read \(ENOENT\)\n$/],
  ] as const) {
    it(`exits with ${status} for: ${args.join(' ')}`, async () => {
      const result = await run(...args)

      expect(result.status).to.equal(status)
      expect(result.stdout).to.match(out)
      expect(result.stderr).to.match(problem)
    })
  }

  it('is one of the commands of the package, beside those for an audit trail', () => {
    const says = (...args: string[]) => spawnSync(process.execPath, [COMMAND, ...args], { encoding: 'utf8' }).stdout

    expect(says('gateway', '--help')).to.match(/^Usage: npx @formbuilder\/gp-connect-provider gateway --config <file>/)
    expect(says('verify', '--help')).to.match(/^Usage: .*\n(.*\n)*.* gateway --help/)
  })

  it('exits with 1 if it cannot listen, and says why', async () => {
    await using other = await startUpstream((_, response) => response.end())
    const file = write({ ...valid(), health: { port: Number(new URL(other.url).port) } })
    const { status, stdout } = spawnSync(process.execPath, [COMMAND, 'gateway', '--config', file], { encoding: 'utf8' })

    expect(status).to.equal(1)
    expect(stdout).to.match(/"start\.failed".*EADDRINUSE/)
    for (const line of stdout.trim().split('\n')) expect(JSON.parse(line)).to.have.property('event').that.is.a('string')
  })

  it('serves, tells its health to this machine, and lets requests finish at its end', async () => {
    let finish = (): void => {}
    const held = new Promise<void>((resolve) => {
      finish = resolve
    })
    const upstream = await startUpstream(async (request, response) => {
      if (request.url?.endsWith('/2') === true) await held
      response.end('{}')
    })
    await using gateway = await start(upstream)
    const health = (path: string) => fetch(`http://127.0.0.1:${gateway.healthPort}${path}`)
    const ready = async () => {
      const answer = await health('/readiness')
      return [answer.status, await answer.json()]
    }

    expect((await ask(gateway.port, pki, PATIENT)).status).to.equal(200)
    expect([(await health('/health')).status, (await health('/metrics')).status]).to.deep.equal([200, 404])
    expect((await fetch(`http://127.0.0.1:${gateway.healthPort}/health`, { method: 'POST' })).status).to.equal(405)
    expect(await ready()).to.deep.equal([200, { problems: [] }])
    expect((await run('--config', gateway.file, '--health')).status).to.equal(0)

    const last = ask(gateway.port, pki, { ...PATIENT, path: '/Patient/2' })
    await until(() => upstream.requests.length === 2)
    gateway.child.kill('SIGTERM')
    await until(async () => JSON.stringify(await ready()) === '[503,{"problems":["stopping"]}]')
    finish()

    expect((await last).status).to.equal(200)
    const [code] = await once(gateway.child, 'exit')
    expect(code).to.equal(0)
    expect(readRecords(join(folder, 'audit.jsonl')).filter(({ status }) => status === 200)).to.have.length(2)
    expect((await run('--config', gateway.file, '--health')).status).to.equal(1)
    await upstream[Symbol.asyncDispose]()
  })

  it('is not ready while its upstream cannot be reached', async () => {
    const upstream = await startUpstream((_, response) => response.end('{}'))
    await using gateway = await start(upstream)
    await upstream[Symbol.asyncDispose]()

    const answer = await fetch(`http://127.0.0.1:${gateway.healthPort}/readiness`)

    expect([answer.status, await answer.json()]).to.deep.equal([503, { problems: ['upstream'] }])
    expect((await run('--config', gateway.file, '--health')).status).to.equal(1)
  })

  async function start(upstream: TestUpstream) {
    const [port, healthPort] = [await freePort(), await freePort()]
    const file = join(folder, `gateway-${port}.json`)
    const content = valid()
    Object.assign(content.server, { port })
    Object.assign(content.upstream, { url: upstream.url })
    writeFileSync(file, JSON.stringify({ ...content, health: { port: healthPort } }))
    const child: ChildProcess = spawn(process.execPath, [COMMAND, 'gateway', '--config', file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let log = ''
    child.stdout?.on('data', (chunk) => {
      log += chunk
    })
    await until(() => log.includes('health.listening') || child.exitCode !== null)
    return {
      child,
      file,
      port,
      healthPort,
      async [Symbol.asyncDispose]() {
        child.kill('SIGKILL')
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      },
    }
  }
})
