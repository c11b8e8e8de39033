/** Runs an adapter for development: starts it again after each edit, and shows its log. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Environment } from '@formbuilder/adapter-sdk'
import { chooseFixed, givenSettings, isScript, settingsOfStart } from './config.ts'
import { say, show, strong, tell } from './output.ts'
import { announce } from './running.ts'
import { problemsIn, watchEdits } from './watch.ts'

/** Options of {@link develop}. */
export interface DevelopOptions {
  /** The program that starts the adapter with settings from its environment, such as `src/main.ts`. */
  readonly main: string
  /** Folders whose edits start the adapter again. Default `['src']`. */
  readonly watch?: readonly string[]
  /** Keeps certificate, shared key and store. Default `.development`. */
  readonly folder?: string
  /** Settings of this project for development. Those in `.env` and in the environment of this process stand over them. */
  readonly environment?: Environment
}

/**
 * Runs the adapter of the project in the current folder with HTTPS, a shared key and a store of its own, and the operator's
 * page. Starts it again after an edit of its source or of `.env`; an edit that does not compile is reported, and the adapter
 * from before it goes on. The log is readable on a terminal, and JSON elsewhere. The page's password is shown on a terminal
 * only. Resolves when a signal has stopped the adapter.
 */
export async function develop(options: DevelopOptions): Promise<void> {
  const { main, watch = ['src'], folder = '.development', environment: usual = {} } = options
  const project = process.cwd()
  const fixed = await chooseFixed({ ...usual, ...givenSettings(project) })
  const url = `https://localhost:${fixed.port}`
  let child: ChildProcess | undefined
  let isStopping = false
  let isEdited = false
  let work = Promise.resolve()

  async function start(): Promise<void> {
    const settings = await settingsOfStart(folder, fixed, usual, givenSettings(project))
    if (isStopping) return
    const started = spawn(process.execPath, [...ENDS_WITH_ITS_PARENT, main], {
      cwd: project,
      env: settings,
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    child = started
    if (started.stdout !== null) {
      createInterface({ input: started.stdout }).on('line', (line) => {
        show(line)
        if (line.includes('"event":"adapter.started"')) sayWhere(settings)
      })
    }
    started.once('exit', (code, signal) => {
      if (started !== child || isStopping) return
      say('error', 'development.ended', `The adapter ended (${signal ?? code}). The next edit starts it again.`)
    })
  }

  function sayWhere({ ADMIN_PORT, ADMIN_AUTH_USERNAME = '', ADMIN_AUTH_PASSWORD = '' }: Environment): void {
    const page = `https://localhost:${ADMIN_PORT}`
    say('info', 'development.ready', "The adapter and the operator's page are ready.", { adapter: url, page })
    tell([
      `${strong(page)} user name ${strong(ADMIN_AUTH_USERNAME)} password ${strong(ADMIN_AUTH_PASSWORD)}`,
      `Browsers warn of its certificate, ${folder}/certificate.pem. An edit in ${watch.join(', ')} starts the adapter again.`,
    ])
  }

  /** Edits that come while one is at work count as one more. */
  function edited(): void {
    if (isEdited) return
    isEdited = true
    work = work.then(async () => {
      isEdited = false
      const problems = await problemsIn(project, watch)
      if (isEdited || isStopping) return
      const old = isRunning(child) ? child : undefined
      if (problems.length > 0 && old !== undefined) {
        sayProblems('This edit does not compile. The adapter from before it goes on.', problems)
        return
      }
      child = undefined
      say('info', 'development.restarting', 'The adapter starts again, after an edit.')
      if (old !== undefined) await end(old)
      await start()
    })
  }

  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const withdraw = announce(folder, { url, filesPort: fixed.filesPort })
  const unwatch = watchEdits(project, watch, edited)
  const stopped = new Promise<void>((resolve) => {
    const stop = () => {
      isStopping = true
      resolve()
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
    // The reader of the log is gone.
    process.stdout.on('error', stop)
    // A signal to npm, as a program sends that started it, ends npm and not its script.
    const parent = process.ppid
    if (isScript()) setInterval(() => process.ppid !== parent && stop(), LOOK_MILLISECONDS).unref()
  })
  await start()
  void problemsIn(project, watch).then((problems) => {
    if (problems.length > 0 && !isStopping) sayProblems('The compiler finds problems.', problems)
  })
  await stopped
  unwatch()
  await work
  if (isRunning(child)) await end(child)
  withdraw()
}

/** A process that is killed cannot end another: this one ends itself when the channel to its parent closes. */
const ENDS_WITH_ITS_PARENT = [
  '--import',
  `data:text/javascript,process.once('disconnect',()=>process.kill(process.pid,'SIGTERM'))`,
]
/** Longer than an adapter takes with what it has begun, unless a handler hangs. */
const PATIENCE_MILLISECONDS = 20_000
const LOOK_MILLISECONDS = 500
const SHOWN = 10

function sayProblems(msg: string, problems: readonly string[]): void {
  say('error', 'development.problems', msg, process.stdout.isTTY ? {} : { problems })
  tell(problems.slice(0, SHOWN))
}

function isRunning(child: ChildProcess | undefined): child is ChildProcess {
  return child !== undefined && child.exitCode === null && child.signalCode === null
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MILLISECONDS)
  await exited
  clearTimeout(timer)
}
