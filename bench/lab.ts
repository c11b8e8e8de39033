/** What every benchmark needs: a certificate, requests, processes to measure, and the load. */

import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encryptCompact, generateKey, type Key, parseKeyring } from '@formbuilder/adapter-sdk/protocol'
import { makeDevelopmentCertificate } from '@formbuilder/adapter-sdk/testing'
import pg from 'pg'
import { freePort } from '../packages/adapter-sdk/test/free-port.ts'
import type { LoadOrder, LoadReport } from './load.ts'
import { type PostgresServer, SERVERS, type ServerName } from './postgres.ts'

/** A process under measurement. */
export interface Subject {
  readonly port: number
  readonly pid: number
  /** From the start of the process to its first readiness, in milliseconds. */
  readonly startedInMilliseconds: number
  /** Time on a processor of the main thread, which serves HTTP, since its start. */
  cpuMicroseconds(): number
  /** Memory in use now, in MiB. */
  memory(): number
  /** The most that was in use since `resetPeak`, in MiB. */
  peak(): number
  resetPeak(): void
  /** Sends it a message. */
  send(message: number): void
  stop(): Promise<void>
}

export class Lab implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'bench-'))
  readonly sharedKey = generateKey(16)
  readonly key = parseKeyring(this.sharedKey).keys[0] as Key
  readonly cert = join(this.folder, 'cert.pem')
  readonly #stops: (() => Promise<void>)[] = []
  readonly #servers = new Map<ServerName, Promise<PostgresServer>>()

  static async open(): Promise<Lab> {
    const lab = new Lab()
    // PostgreSQL does not run as root: its own user has to get to its folder.
    chmodSync(lab.folder, 0o755)
    const { cert, key } = await makeDevelopmentCertificate()
    writeFileSync(lab.cert, cert)
    writeFileSync(join(lab.folder, 'key.pem'), key)
    return lab
  }

  /** URL of a new database on a server, which is started once. `template`: the database that it is a copy of. */
  async database(name: string, server: ServerName = 'PostgreSQL', template = 'template1'): Promise<string> {
    const starting = this.#servers.get(server) ?? this.#startServer(server)
    this.#servers.set(server, starting)
    const { url } = await starting
    const client = new pg.Client({ connectionString: `${url}/postgres` })
    await client.connect()
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`)
    await client.end()
    return `${url}/${name}`
  }

  /** Starts a program and waits until it says that it is ready. */
  async start(program: string, environment: { [name: string]: string } = {}): Promise<Subject> {
    const port = await freePort()
    const data = environment['DATA_DIR'] ?? join(this.folder, randomUUID())
    mkdirSync(data, { recursive: true })
    const started = performance.now()
    const child = fork(join(import.meta.dirname, program), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: {
        PATH: process.env['PATH'],
        PORT: String(port),
        LISTEN_HOST: '127.0.0.1',
        HOST: `localhost:${port}`,
        TLS_CERT_FILE: this.cert,
        TLS_KEY_FILE: join(this.folder, 'key.pem'),
        NODE_EXTRA_CA_CERTS: this.cert,
        JWE_SHARED_KEY: this.sharedKey,
        DATA_DIR: data,
        ...environment,
      },
    })
    await Promise.race([once(child, 'message'), ended(child, program)])
    const subject = measured(child, port, performance.now() - started)
    this.#stops.push(subject.stop)
    return subject
  }

  /** Writes a file of `count` submissions, each encrypted, one a line; all are different. */
  async requests(name: string, count: number, payload: (submissionId: string) => object = complaint): Promise<string> {
    const file = join(this.folder, name)
    const lines: string[] = []
    for (let n = 0; n < count; n++) lines.push(await encryptCompact(JSON.stringify(payload(randomUUID())), this.key))
    writeFileSync(file, lines.join('\n'))
    return file
  }

  /** Sends requests, and reports. A figure counts only if every answer was a yes: another status than `status` is an error. */
  async load(
    subject: Pick<Subject, 'port'>,
    { status = '201', ...order }: Partial<LoadOrder> & { bodies: string; status?: string },
  ): Promise<LoadReport> {
    const child = fork(join(import.meta.dirname, 'load.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const full: LoadOrder = {
      port: subject.port,
      path: '/v2/complaint',
      ca: this.cert,
      from: 0,
      connections: 32,
      seconds: 1.5,
      ...order,
    }
    child.send(full)
    const [report] = (await Promise.race([once(child, 'message'), ended(child, 'load.ts')])) as [LoadReport]
    const others = Object.entries(report.statuses).filter(([each]) => each !== status)
    if (others.length > 0) throw new Error(`answered ${others.map(([each, count]) => `${each} x ${count}`).join(', ')}`)
    return report
  }

  /** Runs a program to its end, and returns the message that it sends. */
  async run<Report>(program: string): Promise<Report> {
    const child = fork(join(import.meta.dirname, program), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const exit = once(child, 'exit')
    const [report] = await Promise.race([once(child, 'message'), ended(child, program)])
    await exit
    return report as Report
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#stops.reverse()) await stop()
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  async #startServer(name: ServerName): Promise<PostgresServer> {
    const server = await SERVERS[name](this.folder, await freePort())
    this.#stops.unshift(() => server.stop())
    return server
  }
}

/** A complaint of a usual length: about 1.2 KB. */
export function complaint(submissionId: string): object {
  return {
    serviceSlug: 'hmcts-complaint-form-eng',
    submissionId,
    submissionAnswers: {
      yourname_text_1: 'A',
      yourname_text_2: 'Citizen',
      youremailaddress_email_1: 'a.citizen@example.com',
      courtortribunalyourcomplaintisabout_autocomplete_1: '1002',
      yourcomplaint_textarea_1: 'The hearing was moved twice and nobody told us. '.repeat(14),
      whatcanwedotoputthisright_textarea_1: 'Please write when the date is fixed. '.repeat(6),
    },
    attachments: [],
  }
}

async function ended(child: ChildProcess, program: string): Promise<never> {
  const [code, signal] = await once(child, 'exit')
  throw new Error(`${program} ended before it answered: ${code ?? signal}`)
}

function measured(child: ChildProcess, port: number, startedInMilliseconds: number): Subject {
  const pid = child.pid ?? 0
  const status = (field: string) => {
    const file = `/proc/${pid}/status`
    if (!existsSync(file)) return Number.NaN
    return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(file, 'utf8'))?.[1] ?? Number.NaN) / 1024
  }
  return {
    port,
    pid,
    startedInMilliseconds,
    // Nanoseconds on a processor come first (Linux: Documentation/scheduler/sched-stats.rst).
    cpuMicroseconds: () => Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1000,
    memory: () => status('VmRSS'),
    peak: () => status('VmHWM'),
    resetPeak: () => writeFileSync(`/proc/${pid}/clear_refs`, '5'),
    send: (message) => void child.send(message),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
