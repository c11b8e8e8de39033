/** New projects of every kind, from the packages as they would be published: each installs, passes its own tests, and runs. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import { freePort } from '../../packages/adapter-sdk/test/free-port.ts'
import { type LocalRegistry, startLocalRegistry } from '../local-registry.ts'

/** Each runner once, because each is an install of its own, and each target that the guide does not use. */
const PROJECTS = [
  { target: 'notify', tests: 'mocha', passes: /^ {2}\d+ passing/m },
  { target: 'csv', tests: 'vitest', passes: /^ +Tests +\d+ passed \(\d+\)$/m },
  { target: 'folder', tests: 'node', passes: /^# fail 0$|^ℹ fail 0$/m },
] as const

describe('a new project', function () {
  this.timeout(300_000)
  let registry: LocalRegistry

  before(async function () {
    this.timeout(600_000)
    registry = await startLocalRegistry()
  })
  after(() => registry[Symbol.asyncDispose]())

  for (const { target, tests, passes } of PROJECTS) {
    describe(`for ${target} with ${tests}`, () => {
      const lines: Line[] = []
      let project: string
      let created = ''
      let began: number
      let development: ChildProcess | undefined

      before(async function () {
        this.timeout(600_000)
        project = join(registry.folder, target)
        began = performance.now()
        const forms = '--form complaint --form "Make an appeal"'
        created = await registry.run(
          `npm create @formbuilder/adapter ${target} -- --target ${target} --tests ${tests} ${forms}`,
        )
        development = spawn('npm', ['run', '--silent', 'dev'], {
          cwd: project,
          env: { ...registry.environment, PORT: String(await freePort()) },
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        createInterface({ input: development.stdout as NonNullable<typeof development.stdout> }).on('line', (line) =>
          lines.push(JSON.parse(line)),
        )
        await until(() => count('development.ready') === 1 || development?.exitCode !== null)
      })
      after(async () => {
        if (development === undefined) return
        development.kill()
        await once(development, 'close')
      })

      const count = (event: string) => lines.filter((line) => line.event === event).length
      /** What npm runs for the name of a script; npm itself, which takes longer than it, runs each of them once. */
      const scriptOf = (name: string) => JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')).scripts[name]
      const send = (args: string) => registry.run(`${scriptOf('send')} ${args} 2>&1 || true`, { cwd: project })

      it('is installed with progress, and receives the first submission', async () => {
        const sent = await registry.run('npm run --silent send 2>&1 || true', { cwd: project })
        const seconds = Math.round((performance.now() - began) / 1000)
        console.log(
          `      ${seconds} s from npm create to the first accepted submission, with the downloads in npm's cache`,
        )

        expect(created).to.match(/^Installing packages.*^Installed in \d+ s$/ms)
        expect(sent).to.match(/^accepted: /m)
        await until(() => count('submission.delivered') === 1)
      })

      it('receives the same submission again, and hands over nothing', async () => {
        expect(await send('--repeat')).to.match(/^duplicate: /m)
      })

      it('receives a file', async () => {
        writeFileSync(join(project, 'photo.jpg'), 'as good as a photo')

        expect(await send('--file photo.jpg --form make-an-appeal')).to.match(/^accepted: /m)

        await until(() => count('submission.delivered') === 2)
        if (target !== 'folder') return
        const folder = join(project, '.development/submissions')
        const files = readdirSync(folder).flatMap((name) => readdirSync(join(folder, name)))
        expect(files).to.include('1-photo.jpeg')
      })

      it('says which forms there are', async () => {
        expect(await send('--form other')).to.equal('--form must be one of: complaint, make-an-appeal.\n')
      })

      if (target === 'csv') {
        it('has handed over each submission once', () => {
          const file = readFileSync(join(project, '.development/spreadsheets/complaint.csv'), 'utf8')
          expect(file.trim().split('\r\n')).to.have.length(2)
        })
      }

      it('passes its own tests', async () => {
        expect(await registry.run('npm test', { cwd: project })).to.match(passes)
      })

      it('compiles', async () => {
        expect(await registry.run('npm run --silent typecheck', { cwd: project })).to.equal('')
      })

      it('says what is missing when it is started without settings', async () => {
        const said = await registry.run('npm start 2>&1 || true', { cwd: project })

        expect(said).to.include('JWE_SHARED_KEY is missing')
        expect(said).to.match(/(NOTIFY_API_KEY|CSV_FOLDER|OUTPUT_FOLDER) is missing/)
      })

      it('reads .env when it is started', async () => {
        writeFileSync(join(project, '.env'), 'JWE_SHARED_KEY=Xk2fQ9wLs7TgBzR4\n')

        const said = await registry.run(`(${scriptOf('start')}) 2>&1 || true`, { cwd: project })

        expect(said).to.match(/(NOTIFY_API_KEY|CSV_FOLDER|OUTPUT_FOLDER) is missing/)
        expect(said).not.to.include('JWE_SHARED_KEY')
      })
    })
  }
})

type Line = Readonly<{ event?: string }>

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20))
}
