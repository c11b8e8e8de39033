/** Starts the adapter as in a deployment: its own process, configured only by environment variables. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as elapsed } from 'node:timers/promises'
import axios, { type AxiosInstance } from 'axios'

const COMMAND = resolve(import.meta.dirname, '../bin/optics-adapter.cjs')

export interface AdapterProcess extends AsyncDisposable {
  readonly child: ChildProcess
  /** Resolves when the process has exited, with the output of both streams and the exit code. */
  readonly exited: Promise<{ output: string; exitCode: number | null }>
}

export function spawnAdapter(environment: Readonly<Record<string, string>>): AdapterProcess {
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [COMMAND], { env: { PATH, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]).then(
    ([out, err, [exitCode]]) => ({ output: out + err, exitCode }),
  )
  return {
    child,
    exited,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

/** Waits until the adapter accepts submissions. If it exits first, throws an error with its output. */
export async function ready({ child, exited }: AdapterProcess, http: AxiosInstance): Promise<void> {
  // Shorter than mocha's timeout, so that a failure shows the output of the process.
  for (const deadline = Date.now() + 50_000; ; ) {
    if (Date.now() > deadline) child.kill('SIGKILL')
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`the adapter exited: ${(await exited).output}`)
    const answer = await http.get('/readiness').catch(() => undefined)
    if (answer?.status === 200) return
    await elapsed(50)
  }
}

export function httpClient(baseURL: string, httpsAgent: unknown): AxiosInstance {
  return axios.create({ baseURL, httpsAgent, validateStatus: () => true, proxy: false })
}
