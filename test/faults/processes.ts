/** Adapter processes that are killed, stalled and started again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:https'
import { resolve } from 'node:path'
import { setTimeout as elapsed } from 'node:timers/promises'

const COMMAND = resolve(import.meta.dirname, '../../node_modules/.bin/optics-adapter')

export type Environment = Readonly<Record<string, string>>

/** One replica: always at the same port, with whatever process stands behind it. */
export class Replica {
  readonly port: number
  readonly #environment: Environment
  readonly #authority: string
  readonly #output: string[] = []
  #child: ChildProcess | undefined
  #over = false

  constructor(port: number, environment: Environment, authority: string) {
    this.port = port
    this.#environment = environment
    this.#authority = authority
  }

  /** Everything that its processes wrote, to both streams. */
  get output(): string {
    return this.#output.join('')
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Starts a process and waits until it is ready. `also`: settings and Node options for this process only. */
  async start(also: Environment = {}): Promise<void> {
    if (this.#over) throw new Error('the test is over')
    const { PATH = '' } = process.env
    const child = spawn(process.execPath, [COMMAND], {
      env: { PATH, ...this.#environment, PORT: String(this.port), ...also },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => this.#output.push(String(chunk)))
    this.#child = child
    for (const tooLate = Date.now() + 60_000; (await this.#status()) !== 200; await elapsed(50)) {
      if (isGone(child) || Date.now() > tooLate)
        throw new Error(`the adapter did not start:\n${this.output.slice(-2000)}`)
    }
  }

  /** As the machine would end it. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** As an orchestrator ends it; returns its exit code. */
  async stop(): Promise<number | null> {
    return await this.#end('SIGTERM')
  }

  /** Kills it for good: whatever a test that failed still does, starts it no more. */
  async end(): Promise<void> {
    this.#over = true
    await this.kill()
  }

  /** The process stands still for a while: nothing is answered, no sign of life is given. */
  async stall(milliseconds: number): Promise<void> {
    this.#child?.kill('SIGSTOP')
    await elapsed(milliseconds)
    this.#child?.kill('SIGCONT')
  }

  /** Resolves when its process has ended by itself. */
  async hasEnded(): Promise<void> {
    if (this.#child !== undefined && !isGone(this.#child)) await once(this.#child, 'close')
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child
    if (child === undefined) return null
    if (!isGone(child)) {
      const exited = once(child, 'close')
      child.kill(signal)
      await exited
    }
    return child.exitCode
  }

  #status(): Promise<number> {
    return new Promise((resolve) => {
      const asking = request(
        {
          host: '127.0.0.1',
          servername: 'localhost',
          port: this.port,
          path: '/readiness',
          ca: this.#authority,
          agent: false,
        },
        (response) => {
          response.resume()
          resolve(response.statusCode ?? 0)
        },
      )
      asking.on('error', () => resolve(0))
      asking.setTimeout(5000, () => asking.destroy())
      asking.end()
    })
  }
}

const isGone = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null
