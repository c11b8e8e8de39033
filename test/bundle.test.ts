/** An adapter that was bundled as the guide says, with the packages beside it and without. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { encryptCompact } from '../packages/adapter-sdk/src/protocol/jwe.ts'
import { type Key, parseKeyring } from '../packages/adapter-sdk/src/protocol/keyring.ts'
import { PostgresServer } from '../packages/adapter-sdk/test/postgres-server.ts'
import { readBlocks } from './guide.ts'

const ROOT = resolve(import.meta.dirname, '..')
const KEY = 'k7Wq2mZx9LtR4vBn'

const PROGRAM = `
import { createAdapter } from '@formbuilder/adapter-sdk'

const adapter = createAdapter({
  forms: {
    complaint: {
      path: '/v2/complaint',
      repeatable: true,
      async handle({ submissionAnswers }) {
        console.log(JSON.stringify({ event: 'handled', name: submissionAnswers['name_text_1'] }))
        return { reference: 'C-1' }
      },
    },
  },
  onEvent(event) {
    console.log(JSON.stringify(event))
  },
})
console.log(JSON.stringify({ version: adapter.version }))
const running = await adapter.start()
console.log(JSON.stringify({ event: 'ports', port: running.port, admin: running.adminPort }))
`

type Line = Readonly<Record<string, unknown>>

describe('a bundled adapter', () => {
  let folder: string
  const children: ChildProcess[] = []
  const of = (name: string) => join(folder, name)
  /** The commands of the guide, each run in a project of its own. */
  const commands = readBlocks(join(ROOT, 'docs/build-an-adapter.md'))
    .filter(({ language, text }) => language === 'sh' && text.startsWith('npx esbuild '))
    .map(({ text }) => text.trim())

  before(async function () {
    this.timeout(120_000)
    folder = mkdtempSync(join(tmpdir(), 'bundle-test-'))
    for (const [index, name] of ['external', 'inlined'].entries()) {
      mkdirSync(of(`${name}/src`), { recursive: true })
      writeFileSync(of(`${name}/src/main.ts`), PROGRAM)
      symlinkSync(join(ROOT, 'node_modules'), of(`${name}/node_modules`))
      const PATH = `${join(ROOT, 'node_modules/.bin')}:${process.env['PATH']}`
      await promisify(execFile)('sh', ['-c', (commands[index] ?? '').replace(/^npx /, '')], {
        cwd: of(name),
        env: { ...process.env, PATH },
      })
    }
  })
  after(() => rmSync(folder, { recursive: true, force: true }))
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const closed = once(child, 'close')
      child.kill('SIGKILL')
      await closed
    }
  })

  let copies = 0
  /** The files of a bundle in a folder of their own, with nothing of this repository beside them, or with what is installed. */
  const copied = (bundle: string, { installed = false, thread = true } = {}) => {
    copies += 1
    const copy = of(`copy-${copies}`)
    cpSync(of(`${bundle}/out`), copy, { recursive: true })
    if (!thread) rmSync(join(copy, 'store-thread.mjs'))
    if (installed) symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
    return copy
  }
  const start = (copy: string, also: Readonly<Record<string, string>> = {}) => {
    const child = spawn(process.execPath, ['main.mjs'], {
      cwd: copy,
      env: {
        ...{ PATH: process.env['PATH'] ?? '', JWE_SHARED_KEY: KEY, PORT: '0', LISTEN_HOST: '127.0.0.1' },
        ...{ TRUST_PROXY: '127.0.0.1', DATA_DIR: join(copy, 'data'), LOG_LEVEL: 'silent', ...also },
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    children.push(child)
    const lines: Line[] = []
    let errors = ''
    child.stderr.on('data', (chunk) => {
      errors += chunk
    })
    const ended = once(child, 'close').then(([code]) => ({ code, errors }))
    const output = createInterface({ input: child.stdout })
    output.on('line', (line) => lines.push(JSON.parse(line)))
    const line = async (name: string): Promise<Line> => {
      for (;;) {
        const found = lines.find(({ event }) => event === name)
        if (found !== undefined) return found
        const outcome = await Promise.race([once(output, 'line'), ended])
        if ('code' in outcome) throw new Error(`it ended before ${name}: ${outcome.errors}`)
      }
    }
    return { line, ended, version: () => lines[0]?.['version'] }
  }
  /** Sends a submission, and returns the status of the answer and what became of it. */
  const delivered = async (program: ReturnType<typeof start>) => {
    const { port } = await program.line('ports')
    const payload = {
      serviceSlug: 'a',
      submissionId: 'one',
      submissionAnswers: { name_text_1: 'Ada' },
      attachments: [],
    }
    const jwe = await encryptCompact(JSON.stringify(payload), parseKeyring(KEY).keys[0] as Key)
    const status = await post(Number(port), '/v2/complaint', jwe)
    const { name } = await program.line('handled')
    const { submissionId } = await program.line('submission.delivered')
    return { status, submissionId, name }
  }
  const WHOLE = { status: 201, submissionId: 'one', name: 'Ada' }

  it('is described by two commands', () => {
    expect(commands.map((command) => command.includes('--packages=external'))).to.deep.equal([true, false])
  })

  it('with its packages outside receives and delivers where they are installed', async () => {
    const program = start(copied('external', { installed: true }))

    expect(await delivered(program)).to.deep.equal(WHOLE)
    expect(program.version()).to.match(/^@formbuilder\/adapter-sdk \d+\.\d+\.\d+/)
  })

  it('with its packages outside says which is missing where they are not', async () => {
    const { code, errors } = await start(copied('external')).ended

    expect(code).to.equal(1)
    expect(errors).to.contain("Cannot find package '@formbuilder/adapter-sdk'")
  })

  it('with everything inside receives and delivers where nothing is installed', async () => {
    const program = start(copied('inlined'))

    expect(await delivered(program)).to.deep.equal(WHOLE)
    expect(program.version()).to.equal('@formbuilder/adapter-sdk')
  })

  it('with everything inside works on PostgreSQL, too, which needs no thread', async () => {
    await using server = await PostgresServer.start()
    const program = start(copied('inlined', { thread: false }), { DATABASE_URL: await server.database() })

    expect(await delivered(program)).to.deep.equal(WHOLE)
  })

  it('without its thread beside it takes that of the installed package', async () => {
    expect(await delivered(start(copied('inlined', { installed: true, thread: false })))).to.deep.equal(WHOLE)
  })

  it('without its thread, and without the package, stops and says what to do', async () => {
    const { code, errors } = await start(copied('inlined', { thread: false })).ended

    expect(code).to.equal(1)
    expect(errors).to.equal(
      'ERR_STORE_UNAVAILABLE: store-thread.mjs is not beside this bundle: bundle @formbuilder/adapter-sdk/store-thread into it, or install @formbuilder/adapter-sdk\n',
    )
  })

  it('has the page of its operators where the package is installed', async () => {
    const program = start(copied('inlined', { installed: true }), PAGE)
    const { admin } = await program.line('ports')

    const statuses = await Promise.all(
      ['/', '/assets/govuk-frontend.css', '/assets/operator.css'].map((path) =>
        get(Number(admin), path, { authorization: `Basic ${btoa('operator:a-password-of-16')}` }),
      ),
    )
    expect(statuses).to.deep.equal([200, 200, 200])
  })

  it('stops at a page that it has no files for, and says what to do', async () => {
    const { code, errors } = await start(copied('inlined'), PAGE).ended

    expect(code).to.equal(1)
    expect(errors).to.equal(
      'ERR_CONFIG_INVALID: ADMIN_PORT needs the files of the package @formbuilder/adapter-sdk: install it beside this program, or bundle with --packages=external\n',
    )
  })

  it('says what to install for error reports', async () => {
    const { code, errors } = await start(copied('inlined'), { SENTRY_DSN: 'https://a@sentry.invalid/1' }).ended

    expect(code).to.equal(1)
    expect(errors).to.contain('ERR_CONFIG_INVALID: SENTRY_DSN needs the package @sentry/node')
  })
})

const PAGE = { ADMIN_PORT: '0', ADMIN_AUTH_USERNAME: 'operator', ADMIN_AUTH_PASSWORD: 'a-password-of-16' }

async function post(port: number, path: string, body: string): Promise<number> {
  return await exchange({ port, path, method: 'POST', headers: { 'X-Forwarded-Proto': 'https' } }, body)
}

async function get(port: number, path: string, headers: Record<string, string>): Promise<number> {
  return await exchange({ port, path, method: 'GET', headers })
}

async function exchange(options: object, body?: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    const sending = request({ host: '127.0.0.1', ...options }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    sending.on('error', reject)
    sending.end(body)
  })
}
