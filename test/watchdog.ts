/** Loaded by mocha, in each of its processes: names and ends a file that hangs, and says what tests have left open. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { Worker } from 'node:worker_threads'

/** Called once, after the last test, in the first process. */
export function mochaGlobalTeardown(): void {
  const tell = () => {
    console.error(`The tests have left open: ${process.getActiveResourcesInfo().join(', ')}`)
    process.exit() // with the status that mocha has decided on
  }
  setTimeout(tell, GRACE_MILLISECONDS).unref()
}

/** The last hook of a file, in a process of a parallel run; else of all files. */
export const mochaHooks = {
  afterAll(): void {
    if (watched === undefined) return
    thread?.postMessage(undefined)
    const { file, began, cpu } = watched
    note({ file, seconds: (performance.now() - began) / 1000, cpuSeconds: cpuSeconds() - cpu })
  },
}

/**
 * Called before a file is loaded, in a process of a parallel run. A file that does not end in time is named, and its process
 * is killed, which mocha counts as a failure: a time-out of mocha's ends neither a loop nor an `await` outside of tests.
 */
export function watchFile(path: string): void {
  const file = relative(process.cwd(), path)
  // An error after the last test of a file ends the process when mocha does not look.
  if (watched === undefined) process.on('exit', (exitCode) => exitCode !== 0 && note({ file: watched?.file, exitCode }))
  watched = { file, began: performance.now(), cpu: cpuSeconds() }
  thread ??= startThread()
  thread.postMessage(file)
}

const GRACE_MILLISECONDS = 30_000
/** Longer than any file takes. */
const FILE_SECONDS = Number(process.env['TEST_FILE_SECONDS'] ?? 400)

let thread: Worker | undefined
let watched: { readonly file: string; readonly began: number; readonly cpu: number } | undefined

/** Of this process, and of the processes it has started that have ended, where Linux counts them. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  const own = (user + system) / 1e6
  if (!existsSync('/proc/self/stat')) return own
  const status = readFileSync('/proc/self/stat', 'utf8')
  // cutime and cstime of proc(5), in hundredths.
  const [userTicks, systemTicks] = status.slice(status.lastIndexOf(')')).split(' ').slice(14, 16)
  return own + (Number(userTicks) + Number(systemTicks)) / 100
}

/** For the process that started this one. */
function note(line: object): void {
  const file = process.env['TEST_NOTES_FILE']
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(line)}\n`)
}

/** Another thread has a clock that no test can stop. */
function startThread(): Worker {
  const started = new Worker(THREAD, { eval: true, workerData: FILE_SECONDS })
  started.unref()
  return started
}

const THREAD = `
const { parentPort, workerData } = require('node:worker_threads')
const { writeSync } = require('node:fs')
let timer
parentPort.on('message', (file) => {
  clearTimeout(timer)
  if (file === undefined) return
  timer = setTimeout(() => {
    writeSync(2, file + ' hangs: it has not ended after ' + workerData + ' seconds.\\n')
    process.kill(process.pid, 'SIGKILL')
  }, workerData * 1000)
})
`
