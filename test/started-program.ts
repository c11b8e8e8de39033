/** A program with an adapter in it, started as its users do: a process of its own, settings in its environment. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type DevelopmentCertificate, makeDevelopmentCertificate } from '@formbuilder/adapter-sdk/testing'
import { type Receipt, type SubmissionEnvelope, submit } from '@formbuilder/submitter'

const KEY = 'Xk2fQ9wLs7TgBzR4'

export interface ProgramOptions {
  readonly environment?: Readonly<Record<string, string>>
  /** Default: a new one. */
  readonly certificate?: DevelopmentCertificate
}

/** A line of the log. */
export type Line = Readonly<Record<string, unknown>>

/** An answer to a GET. */
export interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: IncomingHttpHeaders
}

export interface StartedProgram extends AsyncDisposable {
  readonly url: string
  readonly log: readonly Line[]
  /** Resolves with the first line, past or to come, that fits. */
  line(fits: (line: Line) => boolean): Promise<Line>
  /** Sends a submission as Form Builder does. */
  send(path: string, submission: Partial<SubmissionEnvelope>): Promise<Receipt>
  /** GETs a path. */
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>
  /** Ends it, and returns its exit code; null: it was killed. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts a program, and resolves when its adapter listens. */
export async function startProgram(main: string, options: ProgramOptions = {}): Promise<StartedProgram> {
  const folder = mkdtempSync(join(tmpdir(), 'program-'))
  const certificate = options.certificate ?? (await makeDevelopmentCertificate())
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  writeFileSync(cert, certificate.cert)
  writeFileSync(key, certificate.key)
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      LISTEN_HOST: '127.0.0.1',
      TLS_CERT_FILE: cert,
      TLS_KEY_FILE: key,
      JWE_SHARED_KEY: KEY,
      DATA_DIR: join(folder, 'data'),
      // So that it reads files from a file store with the same certificate.
      NODE_EXTRA_CA_CERTS: cert,
      ...options.environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { log, line } = follow(child)
  const { port } = await line(({ event }) => event === 'adapter.started').catch((error: unknown) => {
    rmSync(folder, { recursive: true, force: true })
    throw error
  })
  const url = `https://localhost:${port}`

  const program: StartedProgram = {
    url,
    log,
    line,
    send: (path, submission) =>
      submit({
        endpoint: `${url}${path}`,
        key: KEY,
        allowLocal: true,
        ca: certificate.cert,
        submission: {
          serviceSlug: 'test',
          submissionId: crypto.randomUUID(),
          submissionAnswers: {},
          attachments: [],
          ...submission,
        },
      }),
    get: (path, headers = {}) => fetchText(`${url}${path}`, certificate.cert, headers),
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill(signal)
        await once(child, 'exit')
      }
      rmSync(folder, { recursive: true, force: true })
      return child.exitCode
    },
    async [Symbol.asyncDispose]() {
      await program.stop()
    },
  }
  return program
}

/** GETs a URL whose server has this certificate, on a connection of its own. */
export function fetchText(url: string, ca: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = get(url, { ca, headers, agent: false }, async (answer) => {
      const text = (await answer.toArray()).join('')
      resolve({ status: answer.statusCode ?? 0, text, headers: answer.headers })
    })
    asked.on('error', reject)
  })
}

/** Reads what a program prints: lines of JSON are its log, others are for people. */
export function follow(child: ChildProcess): Pick<StartedProgram, 'log' | 'line'> {
  const log: Line[] = []
  const waiting = new Set<() => void>()
  let errors = ''
  let hasEnded = false
  const look = () => {
    for (const each of waiting) each()
  }
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  child.once('close', () => {
    hasEnded = true
    look()
  })
  if (child.stdout !== null) {
    createInterface(child.stdout).on('line', (text) => {
      if (text.startsWith('{')) log.push(JSON.parse(text) as Line)
      look()
    })
  }
  return {
    log,
    line: (fits) =>
      new Promise((resolve, reject) => {
        const check = () => {
          const found = log.find(fits)
          if (found === undefined && !hasEnded) return
          waiting.delete(check)
          if (found !== undefined) resolve(found)
          else reject(new Error(`the program ended without it: ${errors}`))
        }
        waiting.add(check)
        check()
      }),
  }
}
