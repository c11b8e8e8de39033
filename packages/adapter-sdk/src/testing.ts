/** The test kit: an adapter on a free port with a store in memory, and a sender that behaves like the real one. */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Adapter, RunningAdapter } from './adapter.ts'
import { directoryStore } from './attachment-directory.ts'
import { type DevelopmentCertificate, makeDevelopmentCertificate } from './development-certificate.ts'
import { openEmbedded } from './embedded.ts'
import type { AdapterEvent } from './events.ts'
import type { Record } from './ledger.ts'
import { encryptCompact } from './protocol/jwe.ts'
import { generateKey, type Key, parseKeyring } from './protocol/keyring.ts'
import type { AttachmentLink } from './protocol/submission.ts'
import { TestFileStore, type Upload } from './test-file-store.ts'

export { type DevelopmentCertificate, makeDevelopmentCertificate } from './development-certificate.ts'
export { TestFileStore, type Upload } from './test-file-store.ts'

/** A submission as a test writes it; what is left out is made up. */
export interface TestSubmission {
  readonly submissionId?: string
  readonly serviceSlug?: string
  readonly submissionAnswers?: Readonly<{ [name: string]: unknown }>
  /** Files, served by the kit's file store with a fresh link in every delivery; or ready-made links. */
  readonly uploads?: readonly Upload[]
  readonly attachments?: readonly AttachmentLink[]
}

/** What the adapter answered. */
export interface TestAnswer {
  readonly status: number
  readonly headers: Readonly<{ [name: string]: string | string[] | undefined }>
  readonly text: string
  /** Of a JSON answer. */
  readonly body: { readonly [name: string]: unknown } | undefined
}

export interface TestAdapterOptions {
  /** Settings over the kit's own. */
  readonly environment?: Readonly<{ [name: string]: string | undefined }>
}

/** A running adapter under test. Use `await using`, or `stop()` it. */
export interface TestAdapter extends AsyncDisposable {
  readonly running: RunningAdapter
  readonly url: string
  readonly key: Key
  readonly certificate: DevelopmentCertificate
  readonly fileStore: TestFileStore
  readonly events: readonly AdapterEvent[]
  /** Sends a submission to a form, byte-true as Form Builder does; each call is a delivery of its own with fresh links. */
  send(path: string, submission: TestSubmission): Promise<TestAnswer>
  /** Any request. */
  request(
    method: string,
    path: string,
    options?: { headers?: { [name: string]: string }; body?: string | Buffer },
  ): Promise<TestAnswer>
  /** Waits until the submission is delivered, dead or discarded, and returns its record. */
  ended(submissionId: string): Promise<Record>
  stop(): Promise<void>
}

/** Starts an adapter on a free port, with HTTPS, a fresh key and a store in memory. */
export async function startTestAdapter(adapter: Adapter, options: TestAdapterOptions = {}): Promise<TestAdapter> {
  const folder = mkdtempSync(join(tmpdir(), 'adapter-test-'))
  const certificate = await makeDevelopmentCertificate()
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  writeFileSync(certFile, certificate.cert)
  writeFileSync(keyFile, certificate.key, { mode: 0o600 })
  const fileStore = await TestFileStore.start(certificate)
  const sharedKey = options.environment?.['JWE_SHARED_KEY'] ?? generateKey(16)
  const key = parseKeyring(sharedKey).keys[0] as Key
  const events: AdapterEvent[] = []

  const running = await adapter.start({
    environment: {
      PORT: '0',
      LISTEN_HOST: '127.0.0.1',
      TLS_CERT_FILE: certFile,
      TLS_KEY_FILE: keyFile,
      JWE_SHARED_KEY: sharedKey,
      DATA_DIR: folder,
      ATTACHMENT_HOSTS: fileStore.origin,
      LOG_LEVEL: 'silent',
      RETRY_DELAY_SECONDS: '1',
      RETRY_DELAY_MAX_SECONDS: '1',
      STOP_GRACE_SECONDS: '2',
      ...options.environment,
    },
    ownsProcess: false,
    onEvent: (event) => events.push(event),
    attachmentAuthorities: [certificate.cert],
    ...(options.environment?.['DATABASE_URL'] === undefined && {
      storage: async () => ({
        database: await openEmbedded(undefined),
        files: directoryStore(join(folder, 'attachments')),
      }),
    }),
  })
  const url = `https://localhost:${running.port}`

  const test: TestAdapter = {
    running,
    url,
    key,
    certificate,
    fileStore,
    events,
    request: (method, path, sent = {}) => ask(certificate, running.port, method, path, sent),
    async send(path, submission) {
      const payload = {
        serviceSlug: submission.serviceSlug ?? 'test-form',
        submissionId: submission.submissionId ?? randomUUID(),
        submissionAnswers: submission.submissionAnswers ?? {},
        attachments: submission.attachments ?? (submission.uploads ?? []).map((upload) => fileStore.link(upload)),
      }
      const body = await encryptCompact(JSON.stringify(payload), key)
      // libcurl's default for a string body, which is what the real sender claims.
      const headers = { 'Content-Type': 'application/x-www-form-urlencoded', Accept: '*/*' }
      return await test.request('POST', path, { headers, body })
    },
    async ended(submissionId) {
      for (;;) {
        const record = await running.ledger.show(submissionId)
        if (!['waiting', 'running'].includes(record.state)) return record
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
    async stop() {
      await running.stop()
      await fileStore.stop()
      rmSync(folder, { recursive: true, force: true })
    },
    [Symbol.asyncDispose]: () => test.stop(),
  }
  return test
}

async function ask(
  certificate: DevelopmentCertificate,
  port: number,
  method: string,
  path: string,
  sent: { headers?: { [name: string]: string }; body?: string | Buffer },
): Promise<TestAnswer> {
  return await new Promise((resolve, reject) => {
    const body = sent.body === undefined ? undefined : Buffer.from(sent.body)
    const length = body === undefined ? {} : { 'Content-Length': String(body.byteLength) }
    const headers = { ...length, ...sent.headers }
    const options = {
      host: '127.0.0.1',
      servername: 'localhost',
      port,
      method,
      path,
      ca: certificate.cert,
      headers,
      agent: false,
    }
    const sending = request(options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const isJson = /\bjson\b/.test(response.headers['content-type'] ?? '')
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          body: isJson ? (JSON.parse(text) as { [name: string]: unknown }) : undefined,
        })
      })
    })
    sending.on('error', reject)
    sending.end(body)
  })
}
