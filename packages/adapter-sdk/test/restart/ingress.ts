/** An ingress in front of replicas: it probes the readiness of each, and sends only to ready ones. It sends nothing twice. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { until } from '../until.ts'

/** A replica in its own process. */
export class Replica {
  readonly port: number
  readonly #environment: Record<string, string>
  #process: ChildProcess | undefined

  constructor(port: number, environment: Record<string, string>) {
    this.port = port
    this.#environment = environment
  }

  start(): void {
    this.#process = spawn(process.execPath, [PROGRAM], {
      env: { ...this.#environment, PORT: String(this.port) },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
  }

  /** Sends SIGTERM, waits until the process has exited, and returns its exit code. */
  async stop(): Promise<number | null> {
    const child = this.#process
    if (child === undefined || child.exitCode !== null) return child?.exitCode ?? null
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    const [code] = (await ended) as [number | null]
    return code
  }
}

/** A submission that was sent, and its answer. */
export interface Sent {
  readonly submissionId: string
  /** The HTTP status, or the message of the error. */
  readonly answer: number | string
}

export class Ingress implements AsyncDisposable {
  readonly sent: Sent[] = []
  readonly #agent = new Agent({ keepAlive: true })
  readonly #ready = new Set<number>()
  readonly #replicas: readonly Replica[]
  #stopped = false
  #work: Promise<unknown> = Promise.resolve()

  constructor(replicas: readonly Replica[]) {
    this.#replicas = replicas
  }

  isReady({ port }: Replica): boolean {
    return this.#ready.has(port)
  }

  /** Sends, `senders` at a time, until it is stopped. */
  start(senders: number, compose: () => Promise<{ submissionId: string; jwe: string }>): void {
    const probes = this.#replicas.map((replica) => this.#probe(replica))
    const sending = Array.from({ length: senders }, (_, turn) => this.#send(turn, compose))
    this.#work = Promise.all([...probes, ...sending])
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#work
    this.#agent.destroy()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #probe({ port }: Replica): Promise<void> {
    while (!this.#stopped) {
      const status = await this.#ask(port, 'GET', '/readiness').catch(() => 0)
      if (status === 200) this.#ready.add(port)
      else this.#ready.delete(port)
      await new Promise((resolve) => setTimeout(resolve, PROBE_MILLISECONDS))
    }
  }

  async #send(turn: number, compose: () => Promise<{ submissionId: string; jwe: string }>): Promise<void> {
    for (let count = turn; !this.#stopped; count++) {
      const { submissionId, jwe } = await compose()
      await until(() => this.#ready.size > 0 || this.#stopped)
      const ports = [...this.#ready]
      const port = ports[count % ports.length]
      if (port === undefined) return
      const answer = await this.#ask(port, 'POST', '/v2/complaint', jwe).catch((error: Error) => error.message)
      this.sent.push({ submissionId, answer })
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS))
    }
  }

  #ask(port: number, method: string, path: string, body?: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const headers = { 'X-Forwarded-Proto': 'https', 'Content-Type': 'application/jose' }
      const sending = request({ host: '127.0.0.1', port, method, path, headers, agent: this.#agent }, (response) => {
        response.resume()
        response.on('end', () => resolve(response.statusCode ?? 0))
        response.on('error', reject)
      })
      sending.on('error', reject)
      sending.end(body)
    })
  }
}

// Slow compared with the load, as real probes are: what a stopping replica refuses between two probes would be lost.
const PROBE_MILLISECONDS = 300
// Shorter than a case takes, so that some are always being made; more requests would find nothing else.
const PAUSE_MILLISECONDS = 10
const PROGRAM = fileURLToPath(new URL('./replica.ts', import.meta.url))
