/** Starts an example of a provider as a process of its own, and runs cases against it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { expect } from 'chai'
import { freePort } from '../../adapter-sdk/test/free-port.ts'
import { type Case, type Subject, until } from './cases/case.ts'
import { type Pki, SSP_FQDN } from './pki.ts'
import { PUBLIC_URL, trailReader } from './practice.ts'

/** The service roots of the examples in their tests. */
export const ROOTS = {
  '/GP0001/STU3/1/gpconnect': { asid: '918999198993', preset: 'v1.2' },
  '/GP0002/STU3/1/gpconnect': { asid: '918999198994', preset: 'v1.6' },
  '/GP0001/DSTU2/0/gpconnect': { asid: '918999198995', preset: 'v0.5' },
  '/GP0001/STU3/1/gpconnect/documents': { asid: '918999198996', preset: 'documents' },
} as const

/** Starts a program with the settings of the examples, and `AUDIT_FILE` among the environment. */
export async function startExample(
  command: readonly string[],
  pki: Pki,
  environment: Readonly<Record<string, string>>,
): Promise<StartedExample> {
  // At a port that the kernel gives out, a client of another file's server that is gone could be recorded, too.
  const PORT = String(await freePort())
  const child = spawn(process.execPath, command, { env: { ...variables(pki), PORT, ...environment } })
  const example = new StartedExample(child, environment['AUDIT_FILE'] ?? '')
  await until(() => example.port !== 0 || child.exitCode !== null)
  expect(child.exitCode, example.stdout() + example.stderr()).to.equal(null)
  return example
}

/** A running process of an example. */
export class StartedExample implements AsyncDisposable {
  readonly auditFile: string
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #stdout = ''
  #stderr = ''

  constructor(child: ChildProcess, auditFile: string) {
    this.#child = child
    this.auditFile = auditFile
    this.#ended = new Promise((resolve) => child.once('close', () => resolve()))
    child.stdout?.on('data', (chunk) => {
      this.#stdout += chunk
    })
    child.stderr?.on('data', (chunk) => {
      this.#stderr += chunk
    })
  }

  /** Its port; 0 until it listens. */
  get port(): number {
    return Number(/"listening","port":(\d+),/.exec(this.#stdout)?.[1] ?? 0)
  }

  stdout = (): string => this.#stdout

  stderr = (): string => this.#stderr

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#ended
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

/** What the cases need to know of an example. */
export function subjectOf(
  example: Pick<StartedExample, 'port' | 'stdout' | 'auditFile'>,
  pki: Pki,
  mode: 'strict' | 'respond',
): Subject {
  const paths: Record<string, keyof typeof ROOTS> = {
    '0.x': '/GP0001/DSTU2/0/gpconnect',
    '1.6+': '/GP0002/STU3/1/gpconnect',
    documents: '/GP0001/STU3/1/gpconnect/documents',
  }
  return {
    port: example.port,
    pki,
    mode,
    root(profile) {
      const path = paths[profile] ?? '/GP0001/STU3/1/gpconnect'
      return { path, asid: ROOTS[path].asid }
    },
    otherAsid: '918999198994',
    publicUrl: PUBLIC_URL,
    log: example.stdout,
    records: trailReader(example.auditFile),
  }
}

/** Whether a case can run against the example. Cases that need other settings are left out. */
export function fits({ request: { tls, rawBytes } }: Case): boolean {
  return tls.serverState === undefined && tls.noHandshake !== true && rawBytes?.endsWith('X: ') !== true
}

function variables(pki: Pki): Record<string, string> {
  return {
    HOST: '127.0.0.1',
    TLS_CERT_FILE: pki.path('server.pem'),
    TLS_KEY_FILE: pki.path('server.key'),
    CLIENT_CA_FILES: pki.caFiles.join(','),
    CLIENT_CRL_FILES: pki.crlFiles.join(','),
    SSP_FQDNS: `another.example.test,${SSP_FQDN}`,
    SERVICE_ROOTS: JSON.stringify(ROOTS),
    PUBLIC_URL,
    MAX_BODY_BYTES: '262144',
  }
}
