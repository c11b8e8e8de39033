/** The guide "From your form to a case in an afternoon", followed block by block, with the packages as they would be published. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import { freePort } from '../../packages/adapter-sdk/test/free-port.ts'
import { readBlocks } from '../guide.ts'
import { type LocalRegistry, startLocalRegistry } from '../local-registry.ts'

const GUIDE = resolve(import.meta.dirname, '../../docs/from-form-to-case.md')

type Line = Readonly<Record<string, unknown>>

describe('from a form to a case, as the guide goes', () => {
  const printed: (readonly [command: string, text: string])[] = []
  const lines: Line[] = []
  let registry: LocalRegistry
  let project: string
  let background: ChildProcess | undefined

  before(async function () {
    this.timeout(600_000)
    registry = await startLocalRegistry()
    const environment = { PORT: String(await freePort()) }
    let cwd = registry.folder

    for (const { language, note, text } of readBlocks(GUIDE)) {
      if (language !== 'sh') {
        writeFileSync(join(cwd, note), text)
        continue
      }
      for (const line of text.trim().split('\n')) {
        const command = line.replace('localhost:3000', `localhost:${environment.PORT}`)
        if (command.startsWith('mkdir ')) {
          for (const folder of command.split(' ').slice(1)) mkdirSync(join(cwd, folder))
        } else if (command.startsWith('cd ')) {
          cwd = project = join(cwd, command.slice(3))
        } else if (note === 'background') {
          // What `npm run dev` starts, without npm and a shell around it, so that it can be ended.
          const [settings = ''] = command.split(' npm run ')
          const given = Object.fromEntries(settings.split(' ').map((each) => each.split('=')))
          background = spawn('node', ['src/dev.ts'], {
            cwd,
            env: { ...registry.environment, ...environment, ...given },
            stdio: ['ignore', 'pipe', 'inherit'],
          })
          const output = createInterface(background.stdout as NonNullable<typeof background.stdout>)
          output.on('line', (text) => lines.push(JSON.parse(text)))
          const child = background
          await until(() => lines.some(({ event }) => event === 'adapter.started') || child.exitCode !== null)
        } else {
          printed.push([line, await registry.run(command, { cwd, environment })])
        }
      }
    }
  })
  after(async () => {
    if (background !== undefined && background.exitCode === null) {
      background.kill()
      await once(background, 'exit')
    }
    await registry[Symbol.asyncDispose]()
  })

  const said = (command: string) => printed.filter(([line]) => line.startsWith(command)).map(([, text]) => text)

  it('starts what `npm run dev` starts', () => {
    const { scripts } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as { scripts: { dev: string } }

    expect(scripts.dev).to.equal('node src/dev.ts')
  })

  it('tests each target: four tests, with four submissions, as it says', () => {
    const guide = readFileSync(GUIDE, 'utf8')
    const code = readBlocks(GUIDE).find(({ note }) => note === 'test/report.test.ts')?.text ?? ''

    expect(
      said('npm test')[0]
        ?.match(/^.*(pass|fail) \d+$/gm)
        ?.map((line) => line.replace(/^\W+/, '')),
    ).to.deep.equal(['pass 4', 'fail 0'])
    expect(code.match(/adapter\.send\(/g)).to.have.lengthOf(4)
    expect(guide).to.include('Four tests pass, with four submissions')
  })

  it('accepts a submission, and knows it when it comes again', () => {
    const outcomes = said('npx @formbuilder/submitter send').map((text) => text.split(':', 1)[0])

    expect(outcomes).to.deep.equal(['accepted', 'duplicate'])
  })

  it('makes one row of it, in which nothing is a formula', async () => {
    await until(() => lines.some(({ event }) => event === 'submission.delivered'))
    const rows = readFileSync(join(project, 'reports.csv'), 'utf8').trim().split('\n')

    expect(rows).to.deep.equal([
      `"Ada Lovelace","'=The lift has stopped. Since Monday.","2020-12-30","1 High Street, Leeds, LS1 1AA, United Kingdom","By post, By email","","7d2b9b0e-4f7a-4b59-9d0c-3b6f5f0c1a55"`,
    ])
    expect(lines.filter(({ event }) => event === 'submission.delivered')).to.have.lengthOf(1)
    expect(JSON.stringify(lines)).to.not.include('Lovelace')
  })

  it('keeps what it had accepted over a restart', async () => {
    background?.kill()
    const [code] = await once(background as ChildProcess, 'exit')
    const { outcome } = JSON.parse(
      await registry.run(
        `DATA_DIR=.development/data npx @formbuilder/adapter-sdk submissions --json | node -e '
          let text = ""
          process.stdin.on("data", (data) => (text += data)).on("end", () => {
            console.log(JSON.stringify({ outcome: JSON.parse(text).map(({ state }) => state) }))
          })'`,
        { cwd: project },
      ),
    )

    expect([code, outcome]).to.deep.equal([0, ['delivered']])
  })
})

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20))
}
