/** The guide "Build an adapter", followed command by command, against the packages as they would be published. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import { freePort } from '../../packages/adapter-sdk/test/free-port.ts'
import { readBlocks } from '../guide.ts'
import { type LocalRegistry, startLocalRegistry } from '../local-registry.ts'

const GUIDE = resolve(import.meta.dirname, '../../docs/build-an-adapter.md')

describe('a new adapter, as the guide builds it', () => {
  const told = new Map<string, string>()
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
      if (language === 'ts' && note !== '') writeFileSync(join(cwd, note), text)
      if (language !== 'sh' || note === 'elsewhere') continue
      for (const command of text.trim().split('\n')) {
        if (command.startsWith('cd ')) {
          cwd = project = join(cwd, command.slice(3))
        } else if (note === 'background') {
          background = await startInBackground(
            script(command, cwd),
            cwd,
            { ...registry.environment, ...environment },
            lines,
          )
        } else {
          told.set(command, (told.get(command) ?? '') + (await registry.run(command, { cwd, environment })))
        }
      }
    }
  })
  after(async () => {
    if (background !== undefined) {
      background.kill()
      await once(background, 'exit')
    }
    await registry[Symbol.asyncDispose]()
  })

  it('is written and installed by one command, which says what comes next', () => {
    expect(told.get('npm create @formbuilder/adapter my-adapter')).to.match(/^Wrote \d+ files to .*my-adapter$/m)
    expect(told.get('npm create @formbuilder/adapter my-adapter')).to.include('npm run dev')
  })

  it('holds the packages that were published with it', () => {
    const { version } = JSON.parse(readFileSync(resolve(GUIDE, '../../packages/create-adapter/package.json'), 'utf8'))
    const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))
    const lock = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'))

    expect(manifest.name).to.equal('my-adapter')
    expect(manifest.dependencies).to.deep.equal({ '@formbuilder/adapter-sdk': version, axios: '1.21.1' })
    expect(lock.packages['node_modules/@formbuilder/adapter-sdk']).to.include({ version })
  })

  it('passes its tests: as it is written, and when it was made its own', () => {
    expect(
      told
        .get('npm test')
        ?.match(/^.*(pass|fail) \d+$/gm)
        ?.map((line) => line.replace(/^\W+/, '')),
    ).to.deep.equal(['pass 15', 'fail 0', 'pass 17', 'fail 0'])
  })

  it('receives a real encrypted submission and hands it over, four commands after the empty folder', async () => {
    expect(told.get('npm run send')).to.match(/^accepted: /m)
    const accepted = lines.find(({ event }) => event === 'submission.accepted')
    await until(() => lines.some(({ event }) => event === 'submission.delivered'))
    expect(lines.find(({ event }) => event === 'submission.delivered')).to.include({
      submissionId: accepted?.['submissionId'],
      form: 'complaint',
    })
  })

  it('takes fewer than five commands to get there', () => {
    const commands = readBlocks(GUIDE)
      .filter(({ language }) => language === 'sh')
      .flatMap(({ text }) => text.trim().split('\n'))
      .filter((command) => !command.startsWith('cd '))

    expect(commands.indexOf('npm run send') + 1).to.be.within(1, 4)
  })

  it('leaves out of its log what was answered', () => {
    expect(JSON.stringify(lines)).not.to.include('Lovelace')
  })

  it('starts with what its image holds: no development dependencies, and settings from the environment', async () => {
    await registry.run('npm prune --omit=dev --ignore-scripts', { cwd: project })
    const started: Line[] = []

    const child = await startInBackground(
      'node src/main.ts',
      project,
      { ...registry.environment, ...DEPLOYED },
      started,
    )
    child.kill()
    const [exitCode] = await once(child, 'exit')

    expect(started.map(({ event }) => event)).to.include('adapter.started')
    expect(exitCode).to.equal(0)
  })

  it('refuses to be written into a folder that holds something', async () => {
    const again = 'npm create @formbuilder/adapter my-adapter 2>&1; echo "exit code $?"'

    const output = await registry.run(again)

    expect(output).to.match(/my-adapter is not empty \(\d+ entries\)\. Name a folder that does not exist yet\./)
    expect(output).to.match(/exit code 1\n$/)
  })

  it('says which folder it cannot write to', async () => {
    const output = await registry.run(
      'npm create @formbuilder/adapter my-adapter/package.json/new 2>&1; echo "exit code $?"',
    )

    expect(output).to.match(/new cannot be written to \(ENOTDIR\)\. Name a folder that you can write to\.\n/)
    expect(output).to.match(/exit code 1\n$/)
  })

  it('keeps the dot of files whose names npm would change, and a repository that was there before', async () => {
    mkdirSync(join(registry.folder, 'existing/.git'), { recursive: true })

    const output = await registry.run('npm create @formbuilder/adapter existing -- --no-install && ls -A existing')

    expect(output).to.include('npm install\n')
    for (const name of ['.git', '.gitignore', '.dockerignore', '.env.example', '.github', 'Dockerfile', 'README.md'])
      expect(output.split('\n')).to.include(name)
  })

  it('says how it is called', async () => {
    const help = await registry.run('npm create @formbuilder/adapter -- --help')
    const wrong = await registry.run('npm create @formbuilder/adapter -- --nonsense 2>&1; echo "exit code $?"')

    expect(help).to.match(/^Usage: npm create @formbuilder\/adapter.*^Creates a small adapter project/ms)
    expect(wrong).to.match(/error: unknown option '--nonsense'.*exit code 2\n$/s)
  })
})

/** A line of the log. */
type Line = Readonly<Record<string, unknown>>

const DEPLOYED = {
  ...{ PORT: '0', TRUST_PROXY: '127.0.0.1', JWE_SHARED_KEY: 'Xk2fQ9wLs7TgBzR4', DATA_DIR: 'data' },
  ...{ CASE_SYSTEM_URL: 'https://cases.example.gov.uk', CASE_SYSTEM_TOKEN: 'a token' },
}

/** What `npm run` would start. */
function script(command: string, cwd: string): string {
  const { scripts } = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  return scripts[command.replace('npm run ', '')] ?? command
}

async function startInBackground(
  command: string,
  cwd: string,
  env: NodeJS.ProcessEnv,
  lines: Line[],
): Promise<ChildProcess> {
  // `exec`: so that what is ended later is the program, and not the shell around it.
  const child = spawn('sh', ['-c', `exec ${command}`], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] })
  const output = createInterface(child.stdout as NonNullable<typeof child.stdout>)
  output.on('line', (line) => lines.push(JSON.parse(line)))
  await until(() => lines.some(({ event }) => event === 'adapter.started') || child.exitCode !== null)
  return child
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20))
}
