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
  const projects: string[] = []

  async function makeProject(): Promise<void> {
    // Inside of the repository, so that the project finds the packages.
    mkdirSync(join(ROOT, 'artefacts'), { recursive: true })
    project = mkdtempSync(join(ROOT, 'artefacts/develop-'))
    projects.push(project)
    mkdirSync(join(project, 'src'))
    writeFileSync(join(project, 'package.json'), '{"type":"module"}')
    writeFileSync(join(project, 'dev.ts'), DEV)
    writeFileSync(join(project, 'src/main.ts'), MAIN)
    writeFileSync(join(project, 'src/answer.ts'), answer('first'))
    env = { PATH: process.env['PATH'], PORT: String(await freePort()), TERM: 'xterm-256color' }
  }
  after(() => {
    for (const each of projects) rmSync(each, { recursive: true, force: true })
  })

  describe('in a pipe', () => {
    let running: Development
    beforeEach(async () => {
      await makeProject()
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

  describe('in a pipe', () => {
    let running: Development
    let adapter: unknown
    // One for all of these: each leaves it at work.
    before(async () => {
      await makeProject()
      writeFileSync(join(project, 'tsconfig.json'), TSCONFIG)
      running = start(project, env)
      adapter = (await running.line('development.ready'))['adapter']
    })
    after(() => running.stop())

    it('starts again after an edit, with the edit', async () => {
      const before = (await ask(`${adapter}/version`)).body
      const text = `after ${before}`

      await running.next('development.ready', () => writeFileSync(join(project, 'src/answer.ts'), answer(text)))

      expect((await ask(`${adapter}/version`)).body).to.equal(text)
    })

    it('names what does not compile, by type or by syntax, and leaves the adapter from before at work', async () => {
      const before = (await ask(`${adapter}/version`)).body

      for (const wrong of ['export const answer: string = 1', 'export const answer = (']) {
        const { problems } = await running.next('development.problems', () =>
          writeFileSync(join(project, 'src/answer.ts'), wrong),
        )
        expect(String(problems)).to.match(/^src\/answer\.ts\(1,\d+\): error TS\d+: /)
        expect((await ask(`${adapter}/version`)).body).to.equal(before)
      }

      await running.next('development.ready', () => writeFileSync(join(project, 'src/answer.ts'), answer('compiles')))
      expect((await ask(`${adapter}/version`)).body).to.equal('compiles')
    })

    it('says that the adapter has ended, and starts it after the next edit', async () => {
      const { msg } = await running.next('development.ended', () =>
        writeFileSync(join(project, 'src/answer.ts'), `process.exit(3)\n${answer('never')}`),
      )
      await running.next('development.ready', () => writeFileSync(join(project, 'src/answer.ts'), answer('mended')))

      expect(msg).to.match(/^The adapter ended \(3\)/)
      expect((await ask(`${adapter}/version`)).body).to.equal('mended')
    })

    it('reads .env, and again when it changes; what is empty in it is not set', async () => {
      await running.next('development.ready', () =>
        writeFileSync(join(project, '.env'), 'GREETING="good morning"\nJWE_SHARED_KEY=\n'),
      )

      expect((await ask(`${adapter}/greeting`)).body).to.equal('good morning')
    })

    it('lets the adapter fetch files from one port of this machine, which it trusts', async () => {
      const { filesPort } = JSON.parse(readFileSync(join(project, '.development/running.json'), 'utf8'))

      const { body } = await ask(`${adapter}/files`)

      expect(JSON.parse(body)).to.deep.equal({
        hosts: `localhost:${filesPort}`,
        trusted: join(project, '.development/certificate.pem'),
      })
    })
  })

  it('ends with npm, where npm has started it', async () => {
    await makeProject()
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
    await makeProject()
    writeFileSync(join(project, '.env'), 'ADMIN_AUTH_PASSWORD=kept in the file\n')
    const steps = [{ wait: 'starts the adapter again', type: '\u0003' }]

    const { shown, text, exitCode } = await onTerminal([process.execPath, 'dev.ts'], { cwd: project, env, steps })

    expect(text).to.match(/^\d\d:\d\d:\d\d info {2}adapter\.started port=\d+ store=sqlite forms=1\r$/m)
    expect(text).to.match(/^ {2}https:\/\/localhost:\d+ user name developer password kept in the file\r$/m)
    expect(shown).to.include('\u001b[32minfo ')
    expect(text).to.include('adapter.stopped')
    expect(exitCode).to.equal(0)
  })

  describe('twice, without a file for its settings', () => {
    let shown: string
    let texts: readonly string[]
    before(async () => {
      await makeProject()
      const steps = [{ wait: 'starts the adapter again', type: '\u0003' }]
      const startOnce = () =>
        onTerminal([process.execPath, 'dev.ts'], { cwd: project, env: { ...env, NO_COLOR: '1' }, steps })
      const [first, second] = [await startOnce(), await startOnce()]
      shown = first.shown
      texts = [first.text, second.text]
    })

    it('makes a password for each start, where none is kept', () => {
      const passwords = texts.map((text) => /password ([\w-]{16})\r$/m.exec(text)?.[1])

      expect(passwords).not.to.include(undefined)
      expect(new Set(passwords).size).to.equal(2)
    })

    it('has no colours on a terminal that is told to have none', () => {
      expect(shown).to.include('password')
      expect(shown).not.to.include('\u001b[')
    })
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
  if (ctx.path === '/version') ctx.body = answer
  else if (ctx.path === '/greeting') ctx.body = GREETING
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
  /** Waits for the first line of an event. */
  line(event: string): Promise<Line>
  /** Waits for a line of an event that is written after `act` was called. */
  next(event: string, act: () => void): Promise<Line>
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
  const nth = async (event: string, position: number) => {
    const found = () => lines.filter((line) => line['event'] === event)[position - 1]
    await until(async () => found() !== undefined || child.exitCode !== null)
    return found() as Line
  }
  return {
    child,
    lines,
    line: async (event) => await nth(event, 1),
    async next(event, act) {
      const position = lines.filter((line) => line['event'] === event).length + 1
      act()
      return await nth(event, position)
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
