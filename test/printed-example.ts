/** An example, started and sent to by the two commands that its README prints, as printed. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../packages/adapter-sdk/test/free-port.ts'
import { readBlocks } from './guide.ts'
import { fetchText, follow, type StartedProgram } from './started-program.ts'

export interface PrintedExample extends Pick<StartedProgram, 'line' | 'log' | 'get'>, AsyncDisposable {
  /** A new folder, for what the example writes. */
  readonly folder: string
  /** Sends what README.md says, waits until it is delivered, and returns its id. */
  send(): Promise<string>
}

/**
 * `environment` gets the new folder. Ports and folders of a run are its own; the rest is as a reader has it. `how`: by npm, or
 * by the scripts that npm would run, which saves a second where another test has shown that npm runs them.
 */
export async function startPrintedExample(
  name: string,
  environment: (folder: string) => Readonly<Record<string, string>> = () => ({}),
  how: 'as printed' | 'without npm' = 'as printed',
): Promise<PrintedExample> {
  const cwd = resolve(import.meta.dirname, '../examples', name)
  const [start = '', send = ''] = readBlocks(join(cwd, 'README.md'))
    .filter(({ language }) => language === 'sh')
    .map(({ text }) => (how === 'as printed' ? text.trim() : scriptOf(text.trim(), cwd)))
  const folder = mkdtempSync(join(tmpdir(), 'printed-example-'))
  const PORT = String(await freePort())
  const env = { ...plainEnvironment(), PORT, DATA_DIR: join(folder, 'data'), ...environment(folder) }
  const child = spawn('sh', ['-c', start], { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const { log, line } = follow(child)

  const example: PrintedExample = {
    folder,
    log,
    line,
    async send() {
      const { stdout } = await promisify(execFile)('sh', ['-c', send], { cwd, env })
      const [, id] = /201 accepted: submission (\S+)/.exec(stdout) ?? []
      if (id === undefined) throw new Error(`it was not accepted: ${stdout}`)
      await line(({ event, submissionId }) => event === 'submission.delivered' && submissionId === id)
      return id
    },
    get: (path, headers = {}) =>
      fetchText(
        `https://localhost:${PORT}${path}`,
        readFileSync(join(cwd, '.development/certificate.pem'), 'utf8'),
        headers,
      ),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        const closed = once(child, 'close')
        // As Control-C does: all of npm, its shell and the program.
        process.kill(-(child.pid as number), 'SIGINT')
        await closed
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
  try {
    await line(({ event }) => event === 'adapter.started')
  } catch (error) {
    await example[Symbol.asyncDispose]()
    throw error
  }
  return example
}

/** The script that `npm start` or `npm run NAME` runs. */
function scriptOf(command: string, folder: string): string {
  const name = command.split(' ').at(-1) ?? ''
  const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return `exec ${scripts[name].replace(/^node/, process.execPath)}`
}

/** What a reader's terminal has: no settings of the run of tests, nor of an npm that started it. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env
  return { PATH, HOME }
}
