/** An adapter in its own process, as a test starts, asks and ends it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { join } from 'node:path'
import { encryptCompact } from '../src/protocol/jwe.ts'
import { type Key, parseKeyring } from '../src/protocol/keyring.ts'
import type { AttachmentLink } from '../src/protocol/submission.ts'
import { until } from './until.ts'

/** An adapter that was started. It serves plain HTTP, as behind an ingress. */
export interface Program {
  readonly pid: number
  /** Resolves when it listens; rejects with what it printed when it ends before. */
  readonly listening: Promise<number>
  /** What it has printed, line by line. */
  readonly lines: readonly string[]
  errors(): string
  /** Its exit status; null when a signal has ended it. */
  readonly ended: Promise<number | null>
  kill(signal?: NodeJS.Signals): Promise<number | null>
  /** Sends a submission. Rejects when it is not answered. */
  send(submissionId: string, more?: Partial<Sending>): Promise<Answer>
}

/** What is sent. */
export interface Sending {
  readonly answers: Readonly<Record<string, unknown>>
  readonly attachments: readonly AttachmentLink[]
}

export interface Answer {
  readonly status: number
  /** Of a problem. */
  readonly code: string | undefined
}

/** How it is started. */
export interface Start {
  readonly environment: Readonly<Record<string, string>>
  /** Default: an adapter with the form `complaint`. */
  readonly program?: string
  /** Options for Node. */
  readonly options?: readonly string[]
  /** A command that runs the rest of its line. */
  readonly prefix?: readonly string[]
  /** Descriptor of its standard output, for a test that reads it itself, if at all. Then PORT must name the port. */
  readonly output?: number
}

export function startProgram({ environment, program, options = [], prefix = [], output }: Start): Program {
  const line = [...prefix, process.execPath, ...options, program ?? join(import.meta.dirname, 'adapter-process.ts')]
  const child = spawn(line[0] as string, line.slice(1), {
    env: {
      ...{ PATH: process.env['PATH'] ?? '', PORT: '0', LISTEN_HOST: '127.0.0.1', TRUST_PROXY: '127.0.0.1' },
      ...{ JWE_SHARED_KEY: KEY, LOG_LEVEL: 'silent', SERVER_REQUESTS_PER_SECOND_PER_ADDRESS: '1000000' },
      ...environment,
    },
    stdio: ['ignore', output ?? 'pipe', 'pipe'],
  })
  const lines: string[] = []
  let [rest, errors] = ['', '']
  child.stdout?.on('data', (chunk: Buffer) => {
    const parts = `${rest}${chunk}`.split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk
  })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  const listens = async () => {
    if (output !== undefined) return await answering(Number(environment['PORT']))
    const port = () => /^port (\d+)$/.exec(lines.find((each) => each.startsWith('port ')) ?? '')?.[1]
    await until(() => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it has ended: ${errors}`)
      return port() !== undefined
    })
    return Number(port())
  }
  const listening = listens()
  listening.catch(() => undefined)
  return {
    pid: child.pid as number, // it was found: Node itself, or a tool that the test has looked for
    listening,
    lines,
    errors: () => errors,
    ended,
    async kill(signal = 'SIGKILL') {
      child.kill(signal)
      return await ended
    },
    send: async (submissionId, more = {}) => await post(await listening, await jweOf(submissionId, more)),
  }
}

/** Waits until something answers on the port. */
async function answering(port: number): Promise<number> {
  await until(() =>
    fetch(`http://127.0.0.1:${port}/health`).then(
      ({ ok }) => ok,
      () => false,
    ),
  )
  return port
}

const KEY = 'k7Wq2mZx9LtR4vBn'

/** The compact JWE of a submission. */
async function jweOf(submissionId: string, { answers = {}, attachments = [] }: Partial<Sending>): Promise<string> {
  const payload = { serviceSlug: 'test-form', submissionId, submissionAnswers: answers, attachments }
  return await encryptCompact(JSON.stringify(payload), parseKeyring(KEY).keys[0] as Key)
}

async function post(port: number, body: string): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const headers = { 'X-Forwarded-Proto': 'https' }
    const options = { host: '127.0.0.1', port, path: '/v2/complaint', method: 'POST', headers, agent: false }
    const sending = request(options, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk
      })
      response.on('error', reject)
      response.on('end', () => {
        const isProblem = /problem\+json/.test(response.headers['content-type'] ?? '')
        resolve({ status: response.statusCode ?? 0, code: isProblem ? JSON.parse(text).code : undefined })
      })
    })
    sending.on('error', reject)
    sending.end(body)
  })
}
