import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import { onTerminal } from '../../../../test/terminal.ts'
import { freePort } from '../../../adapter-sdk/test/free-port.ts'

const ROOT = resolve(import.meta.dirname, '../../../..')

describe('npm run dev', function () {
  this.timeout(60_000)
  let project: string
  let env: NodeJS.ProcessEnv

  beforeEach(async () => {
    // Inside of the repository, so that the project finds the packages.
    mkdirSync(join(ROOT, 'artefacts'), { recursive: true })
    project = mkdtempSync(join(ROOT, 'artefacts/develop-'))
    mkdirSync(join(project, 'src'))
    writeFileSync(join(project, 'package.json'), '{"type":"module"}')
    writeFileSync(join(project, 'tsconfig.json'), TSCONFIG)
    writeFileSync(join(project, 'dev.ts'), DEV)
    writeFileSync(join(project, 'src/main.ts'), MAIN)
    writeFileSync(join(project, 'src/answer.ts'), answer('first'))
    env = { PATH: process.env['PATH'], PORT: String(await freePort()), TERM: 'xterm-256color' }
  })
  afterEach(() => rmSync(project, { recursive: true, force: true }))

  describe('in a pipe', () => {
    let running: Development
    beforeEach(() => {
      running = start(project, env)
    })
    afterEach(() => running.stop())

    it('writes JSON, says where the adapter and its page are, and never the password', async () => {
      const { adapter, page } = await running.line('development.ready')
      await running.stop()

      expect(adapter).to.equal(`https://localhost:${env['PORT']}`)
      expect(page).to.match(/^https:\/\/localhost:\d+$/)
      expect(running.lines.map(({ event }) => event)).to.include.members(['adapter.started', 'adapter.stopped'])
      expect(JSON.stringify(running.lines)).not.to.match(/password/i)
    })

    it('serves the page behind a password, and says in its folder where it is until it ends', async () => {
      const { page } = await running.line('development.ready')
      const said = JSON.parse(readFileSync(join(project, '.development/running.json'), 'utf8'))

      expect((await ask(`${page}/`)).status).to.equal(401)
      expect(said).to.deep.equal({ url: `https://localhost:${env['PORT']}`, filesPort: said.filesPort })
      await running.stop()
      expect(existsSync(join(project, '.development/running.json'))).to.equal(false)
    })

    it('starts again after an edit, with the edit', async () => {
      const { adapter } = await running.line('development.ready')
      expect((await ask(`${adapter}/version`)).body).to.equal('first')

      writeFileSync(join(project, 'src/answer.ts'), answer('second'))
      await running.line('development.ready', 2)

      expect((await ask(`${adapter}/version`)).body).to.equal('second')
    })

    it('names what does not compile, by type or by syntax, and leaves the adapter from before at work', async () => {
      const { adapter } = await running.line('development.ready')

      for (const [index, wrong] of ['export const answer: string = 1', 'export const answer = ('].entries()) {
        writeFileSync(join(project, 'src/answer.ts'), wrong)
        const { problems } = await running.line('development.problems', index + 1)
        expect(String(problems)).to.match(/^src\/answer\.ts\(1,\d+\): error TS\d+: /)
        expect((await ask(`${adapter}/version`)).body).to.equal('first')
      }

      writeFileSync(join(project, 'src/answer.ts'), answer('mended'))
      await running.line('development.ready', 2)
      expect((await ask(`${adapter}/version`)).body).to.equal('mended')
    })

    it('says that the adapter has ended, and starts it after the next edit', async () => {
      await running.line('development.ready')

      writeFileSync(join(project, 'src/answer.ts'), `process.exit(3)\n${answer('never')}`)
      const { msg } = await running.line('development.ended')
      writeFileSync(join(project, 'src/answer.ts'), answer('mended'))
      const { adapter } = await running.line('development.ready', 2)

      expect(msg).to.match(/^The adapter ended \(3\)/)
      expect((await ask(`${adapter}/version`)).body).to.equal('mended')
    })

    it('reads .env, and again when it changes; what is empty in it is not set', async () => {
      await running.line('development.ready')

      writeFileSync(join(project, '.env'), 'GREETING="good morning"\nJWE_SHARED_KEY=\n')
      const { adapter } = await running.line('development.ready', 2)

      expect((await ask(`${adapter}/version`)).body).to.equal('good morning')
    })

    it('lets the adapter fetch files from one port of this machine, which it trusts', async () => {
      const { adapter } = await running.line('development.ready')
      const { filesPort } = JSON.parse(readFileSync(join(project, '.development/running.json'), 'utf8'))

      const { body } = await ask(`${adapter}/files`)

      expect(JSON.parse(body)).to.deep.equal({
        hosts: `localhost:${filesPort}`,
        trusted: join(project, '.development/certificate.pem'),
      })
    })

    it('ends with the adapter when nobody reads its log any more', async () => {
      const { adapter } = await running.line('development.ready')

      running.child.stdout?.destroy()
      writeFileSync(join(project, 'src/answer.ts'), answer('unread'))
      await once(running.child, 'exit')

      expect(await ask(`${adapter}/version`).catch(() => 'unavailable')).to.equal('unavailable')
    })

    it('ends the adapter also when it is killed itself', async () => {
      const { adapter } = await running.line('development.ready')

      running.child.kill('SIGKILL')

      await until(async () => (await ask(`${adapter}/version`).catch(() => undefined)) === undefined)
    })
  })

  it('ends with npm, where npm has started it', async () => {
    const running = start(project, { ...env, npm_lifecycle_event: 'dev' }, [
      'sh',
      '-c',
      `"${process.execPath}" dev.ts; true`,
    ])
    const { adapter } = await running.line('development.ready')

    await running.stop()

    expect(await ask(`${adapter}/version`).catch(() => 'unavailable')).to.equal('unavailable')
    expect(running.lines.at(-1)?.['event']).to.equal('adapter.stopped')
  })

  it('is readable and coloured on a terminal, shows address, user name and password of the page, and ends by Ctrl-C', async () => {
    writeFileSync(join(project, '.env'), 'ADMIN_AUTH_PASSWORD=kept in the file\n')
    const steps = [{ wait: 'starts the adapter again', type: '\u0003' }]

    const { shown, text, exitCode } = await onTerminal([process.execPath, 'dev.ts'], { cwd: project, env, steps })

    expect(text).to.match(/^\d\d:\d\d:\d\d info {2}adapter\.started port=\d+ store=sqlite forms=1\r$/m)
    expect(text).to.match(/^ {2}https:\/\/localhost:\d+ user name developer password kept in the file\r$/m)
    expect(shown).to.include('\u001b[32minfo ')
    expect(text).to.include('adapter.stopped')
    expect(exitCode).to.equal(0)
  })

  it('makes a password for each start, where none is kept', async () => {
    const steps = [{ wait: 'starts the adapter again', type: '\u0003' }]
    const passwords: (string | undefined)[] = []
    for (let i = 0; i < 2; i++) {
      const { text } = await onTerminal([process.execPath, 'dev.ts'], { cwd: project, env, steps })
      passwords.push(/password ([\w-]{16})\r$/m.exec(text)?.[1])
    }

    expect(passwords).not.to.include(undefined)
    expect(new Set(passwords).size).to.equal(2)
  })

  it('has no colours on a terminal that is told to have none', async () => {
    const steps = [{ wait: 'starts the adapter again', type: '\u0003' }]
    const { shown } = await onTerminal([process.execPath, 'dev.ts'], {
      cwd: project,
      env: { ...env, NO_COLOR: '1' },
      steps,
    })

    expect(shown).not.to.include('\u001b[')
  })
})

const DEV = `
import { develop } from '@formbuilder/submitter/development'
await develop({ main: 'src/main.ts', environment: { GREETING: 'usual' } })
`
const MAIN = `
import { createAdapter } from '@formbuilder/adapter-sdk'
import { answer } from './answer.ts'
const adapter = createAdapter({ forms: { complaint: { path: '/v2/complaint', repeatable: true, async handle() {} } } })
const { GREETING, ATTACHMENT_HOSTS, NODE_EXTRA_CA_CERTS } = process.env
adapter.app.use(async (ctx, next) => {
  if (ctx.path === '/version') ctx.body = GREETING === 'usual' ? answer : GREETING
  else if (ctx.path === '/files') ctx.body = { hosts: ATTACHMENT_HOSTS, trusted: NODE_EXTRA_CA_CERTS }
  else await next()
})
await adapter.start()
`
const TSCONFIG = JSON.stringify({
  compilerOptions: {
    ...{ target: 'es2023', module: 'nodenext', strict: true, noEmit: true, types: ['node'] },
    ...{ allowImportingTsExtensions: true, skipLibCheck: true },
  },
  include: ['src'],
})

const answer = (text: string) => `export const answer: string = ${JSON.stringify(text)}\n`

type Line = Readonly<Record<string, unknown>>

interface Development {
  readonly child: ChildProcess
  readonly lines: readonly Line[]
  /** Waits for the line of an event, or for a later one of the same event. */
  line(event: string, position?: number): Promise<Line>
  stop(): Promise<void>
}

function start(
  project: string,
  env: NodeJS.ProcessEnv,
  [program = '', ...args]: readonly string[] = [process.execPath, 'dev.ts'],
): Development {
  const child = spawn(program, args, { cwd: project, env, stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'close')
  const lines: Line[] = []
  createInterface({ input: child.stdout as NonNullable<typeof child.stdout> }).on('line', (line) =>
    lines.push(JSON.parse(line)),
  )
  return {
    child,
    lines,
    async line(event, position = 1) {
      const found = () => lines.filter((line) => line['event'] === event)[position - 1]
      await until(async () => found() !== undefined || child.exitCode !== null)
      return found() as Line
    },
    async stop() {
      child.kill()
      await exited
    },
  }
}

async function ask(url: string): Promise<{ status: number | undefined; body: string }> {
  const sent = request(url, { rejectUnauthorized: false, agent: false }).end()
  const [response] = await once(sent, 'response')
  let body = ''
  for await (const chunk of response) body += chunk
  return { status: response.statusCode, body }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20))
}
