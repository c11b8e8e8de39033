/** Runs `npm install` in a new project, and shows how far it is. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { spinner } from '@clack/prompts'

/** Resolves to whether it succeeded. If not, what npm wrote is on standard error. */
export async function install(folder: string): Promise<boolean> {
  const began = performance.now()
  const seconds = () => Math.round((performance.now() - began) / 1000)
  let fetched = 0
  const progress = process.stdout.isTTY ? onTerminal() : inLines()
  progress.start('Installing packages, which takes about half a minute')
  const timer = setInterval(
    () => progress.message(`Installing packages: ${fetched} fetched, ${seconds()} s`),
    process.stdout.isTTY ? 1000 : 10_000,
  )

  const child = spawn('npm', ['install', '--no-fund', '--no-audit', '--loglevel=http', '--progress=false'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    shell: process.platform === 'win32',
  })
  const said: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (!/^npm http /.test(line)) said.push(line)
    else if (/\.tgz\b/.test(line)) fetched += 1
  })
  const succeeded = await new Promise<boolean>((resolve) => {
    child.once('close', (code) => resolve(code === 0))
    child.once('error', (error) => {
      said.push(`npm cannot be run: ${error.message}`)
      resolve(false)
    })
  })

  clearInterval(timer)
  progress.stop(succeeded ? `Installed in ${seconds()} s` : `npm install failed after ${seconds()} s`)
  if (said.length > 0) process.stderr.write(`${said.join('\n')}\n`)
  return succeeded
}

interface Progress {
  start(text: string): void
  message(text: string): void
  stop(text: string): void
}

function onTerminal(): Progress {
  return spinner()
}

function inLines(): Progress {
  const write = (text: string) => void process.stdout.write(`${text}\n`)
  return { start: (text) => write(`${text} ...`), message: write, stop: write }
}
