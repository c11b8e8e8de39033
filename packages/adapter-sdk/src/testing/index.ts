/** The test kit: an adapter on a free port with a store in memory, and a sender that behaves like the real one. Subpath ./testing. */
import '../../node-version.cjs'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Adapter } from '../adapter.ts'
import { givenShowErrors } from '../config.ts'
import type { AdapterEvent } from '../events.ts'
import { generateKey, type Key, parseKeyring } from '../protocol/keyring.ts'
import { SENDER_DELIVERIES } from '../protocol/schedule.ts'
import type { RunningAdapter } from '../start.ts'
import type { DetailedEntry } from '../store/entry.ts'
import { type DevelopmentCertificate, makeDevelopmentCertificate } from './certificate.ts'
import { TestClock, testStore } from './clock.ts'
import { TestFileStore } from './file-server.ts'
import { type Handled, watched } from './handled.ts'
import { Liveness, makeFolder, removeFolder } from './leftovers.ts'
import { expectNoPersonalData, type PersonalDataOptions, type TestOutput } from './personal-data.ts'
import {
  ask,
  compose,
  type PlainRequest,
  postAsSender,
  type SentAnswer,
  senderRetrySeconds,
  type TestAnswer,
  type TestSubmission,
} from './sender.ts'

export { type DevelopmentCertificate, makeDevelopmentCertificate } from './certificate.ts'
export { developmentEnvironment } from './development.ts'
export { TestFileStore, type Upload } from './file-server.ts'
export type { Handled } from './handled.ts'
export { expectNoPersonalData, type PersonalDataOptions, type TestOutput } from './personal-data.ts'
export type { PlainRequest, SentAnswer, TestAnswer, TestSubmission } from './sender.ts'

/** Options of an adapter under test. */
export interface TestAdapterOptions {
  /** Settings that override those of the kit. With `DATABASE_URL` the store is PostgreSQL. `SHOW_ERRORS`: see {@link startTestAdapter}. */
  readonly environment?: Readonly<{ [name: string]: string | undefined }>
}

/** A duration. Its parts are added up. */
export interface Duration {
  readonly days?: number
  readonly hours?: number
  readonly minutes?: number
  readonly seconds?: number
}

/** A running adapter under test. Use `await using`, or `stop()` it. */
export interface TestAdapter extends AsyncDisposable {
  readonly running: RunningAdapter
  readonly url: string
  readonly key: Key
  readonly certificate: DevelopmentCertificate
  readonly fileStore: TestFileStore
  readonly events: readonly AdapterEvent[]
  /** Every run of a handler so far. */
  readonly handled: readonly Handled[]
  /** Delivers a submission exactly as Form Builder does. Each call is a new delivery with fresh links. */
  send(path: string, submission?: TestSubmission): Promise<SentAnswer>
  /**
   * Delivers a submission as the sender's queue does: again after 6 s, 21 s, 86 s and so on, each time with fresh links,
   * until the answer is 2xx or it gives up. The clock is put forward, so nothing waits. Returns all answers.
   */
  sendUntilAccepted(path: string, submission?: TestSubmission, deliveries?: number): Promise<SentAnswer[]>
  /** The body of a delivery, for tests that change it or send it more than once. */
  compose(submission?: TestSubmission): Promise<{ readonly submissionId: string; readonly jwe: string }>
  /** Sends any request. */
  request(method: string, path: string, options?: PlainRequest): Promise<TestAnswer>
  /**
   * Waits until the submission is delivered, and returns its entry. If it becomes a dead letter, or takes 30 seconds, throws an
   * error with the last error of the handler as its `cause`, so that the output of the failing test has its message and stack.
   */
  delivered(submissionId: string): Promise<DetailedEntry>
  /** Waits until the submission is delivered, dead or discarded, and returns its entry. Gives up after 30 seconds, as `delivered`. */
  ended(submissionId: string): Promise<DetailedEntry>
  /** Waits until so many attempts have ended, or the submission has, and returns its entry. Gives up after 30 seconds. */
  attempted(submissionId: string, attempts?: number): Promise<DetailedEntry>
  /**
   * Puts the clock forward: an attempt or a file that takes longer than it may is given up (`timeoutSeconds`, then `signal`
   * aborts), retries and `confirm` become due, links expire, and the sweep removes what is old enough. Nothing waits.
   */
  advance(duration: Duration): Promise<void>
  /**
   * Passes if an output, such as the log of your own code, has nothing of what was sent so far, in any encoding: see
   * {@link expectNoPersonalData}. @throws {AssertionError} names the field, never the value
   */
  expectNoPersonalData(output: TestOutput, options?: PersonalDataOptions): void
  /** Stops the adapter and the file store, and removes their files. */
  stop(): Promise<void>
}

/**
 * Starts an adapter on a free port, with HTTPS, a fresh key and a store in memory. What handlers throw is in `handled`, and is
 * not printed, because tests make handlers fail on purpose. `SHOW_ERRORS=true`, in the environment of the process or in
 * `options.environment`, prints every whole error on standard error.
 */
export async function startTestAdapter(adapter: Adapter, options: TestAdapterOptions = {}): Promise<TestAdapter> {
  const folder = makeFolder()
  const certificate = await makeDevelopmentCertificate()
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  writeFileSync(certFile, certificate.cert)
  writeFileSync(keyFile, certificate.key, { mode: 0o600 })
  const clock = new TestClock()
  const fileStore = await TestFileStore.start(certificate, () => clock.now())
  fileStore.unref()
  const sharedKey = options.environment?.['JWE_SHARED_KEY'] ?? generateKey(16)
  const key = parseKeyring(sharedKey).keys[0] as Key
  const store = testStore({ DATABASE_URL: options.environment?.['DATABASE_URL'] }, clock)
  const events: AdapterEvent[] = []
  const handled: Handled[] = []
  const sent: TestSubmission[] = []
  const changed = signal()
  const liveness = new Liveness()
  const removeAll = async () => {
    liveness.end()
    await fileStore.stop()
    removeFolder(folder)
  }

  const starting = adapter.start({
    environment: {
      PORT: '0',
      LISTEN_HOST: '127.0.0.1',
      TLS_CERT_FILE: certFile,
      TLS_KEY_FILE: keyFile,
      JWE_SHARED_KEY: sharedKey,
      DATA_DIR: folder,
      ATTACHMENT_HOSTS: fileStore.origin,
      LOG_LEVEL: 'silent',
      SHOW_ERRORS: givenShowErrors(),
      RETRY_DELAY_SECONDS: '1',
      RETRY_DELAY_MAX_SECONDS: '1',
      STOP_GRACE_SECONDS: '2',
      ...options.environment,
    },
    ownsProcess: false,
    keepsProcess: false,
    onEvent(event) {
      events.push(event)
      changed.fire()
      liveness.worked()
    },
    decorateForm: (form, name) => watched(form, name, handled),
    attachmentAuthorities: [certificate.cert],
    store: store.open,
    keyUseSeconds: 0,
    checkInSeconds: 0.25,
    after: (seconds, run) => clock.after(seconds, run),
    // Nobody guesses keys from a store in memory. In a database others may read the ids, such as the command `adapter keys`.
    ...(options.environment?.['DATABASE_URL'] === undefined && { idOfKey: quickId }),
  })
  const running = await starting.catch(async (error: unknown) => {
    await removeAll()
    throw error
  })
  const target = { port: running.port, ca: certificate.cert }

  /** Looks after each event, and every 250 ms, because the work of another process causes no event here. */
  async function until(submissionId: string, done: (entry: DetailedEntry) => boolean): Promise<DetailedEntry> {
    const latest = Date.now() + PATIENCE_MILLISECONDS
    for (;;) {
      const next = changed.next()
      const entry = await running.ledger.show(submissionId)
      if (done(entry) || hasEnded(entry)) return entry
      if (Date.now() > latest) {
        throw unexpected(entry, 'after 30 seconds ')
      }
      await next
    }
  }

  function unexpected({ submissionId, state, attempts, code, reason }: DetailedEntry, when = ''): Error {
    const why = code === null ? '' : `, last ${code}: ${reason}`
    const last = handled.findLast(({ submission, error }) => submission.submissionId === submissionId && error)
    return new Error(
      `${when}the submission is ${state}, ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}${why}`,
      {
        ...(last !== undefined && { cause: last.error }),
      },
    )
  }

  const test: TestAdapter = {
    running,
    url: `https://localhost:${running.port}`,
    key,
    certificate,
    fileStore,
    events,
    handled,
    request: (method, path, plain) => ask(target, method, path, plain),
    async compose(submission = {}) {
      const { submissionId, jwe, attachments } = await compose(submission, key, fileStore)
      sent.push({ ...submission, attachments })
      return { submissionId, jwe }
    },
    expectNoPersonalData: (output, personal) => expectNoPersonalData(output, sent, personal),
    async send(path, submission = {}) {
      liveness.called()
      const { submissionId, jwe } = await test.compose(submission)
      return { ...(await postAsSender(target, path, jwe)), submissionId }
    },
    async sendUntilAccepted(path, submission = {}, deliveries = SENDER_DELIVERIES) {
      const answers = [await test.send(path, submission)]
      const repeated = { ...submission, submissionId: (answers[0] as SentAnswer).submissionId }
      while (answers.length < deliveries && !isSuccess(answers.at(-1))) {
        await test.advance({ seconds: senderRetrySeconds(answers.length) })
        answers.push(await test.send(path, repeated))
      }
      return answers
    },
    async delivered(submissionId) {
      const entry = await until(submissionId, hasEnded)
      if (entry.state !== 'delivered') throw unexpected(entry)
      return entry
    },
    ended: (submissionId) => until(submissionId, hasEnded),
    attempted: (submissionId, attempts = 1) =>
      until(submissionId, (entry) => entry.state !== 'running' && entry.attempts >= attempts),
    async advance({ days = 0, hours = 0, minutes = 0, seconds = 0 }) {
      liveness.called()
      const total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
      await clock.advance(total)
      store.wake()
      await running.sweep()
    },
    async stop() {
      await running.stop()
      await removeAll()
    },
    [Symbol.asyncDispose]: () => test.stop(),
  }
  return test
}

async function quickId(key: Uint8Array, salt: string): Promise<string> {
  return createHash('sha256').update(key).update(salt).digest('hex').slice(0, 32)
}

const PATIENCE_MILLISECONDS = 30_000
const LOOK_AGAIN_MILLISECONDS = 250

function hasEnded({ state }: DetailedEntry): boolean {
  return state !== 'waiting' && state !== 'running'
}

function isSuccess(answer: TestAnswer | undefined): boolean {
  return answer !== undefined && answer.status >= 200 && answer.status < 300
}

/** A signal that can fire many times. `next` resolves when it fires, or after 250 ms. */
function signal(): { fire(): void; next(): Promise<void> } {
  const waiting = new Set<() => void>()
  return {
    fire() {
      for (const resolve of waiting) resolve()
      waiting.clear()
    },
    next: () =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, LOOK_AGAIN_MILLISECONDS)
        waiting.add(() => {
          clearTimeout(timer)
          resolve()
        })
      }),
  }
}
