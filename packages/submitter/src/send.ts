/** The command `send`: one submission, once, with retries, or on the schedule of Form Builder. */
import { readFile } from 'node:fs/promises'
import { AdapterError, SENDER_DELIVERIES } from '@formbuilder/adapter-sdk/protocol'
import { Capture } from './capture.ts'
import { UsageError } from './exit-code.ts'
import { Interruption } from './interruption.ts'
import { inWords, Progress } from './progress.ts'
import { RefusalError } from './refusal.ts'
import { Sent } from './sent.ts'
import { print, type Streams } from './streams.ts'
import { type Receipt, submit } from './submit.ts'
import { readStdin, readTarget, type TargetOptions, withFile } from './target.ts'
import type { Uploads } from './uploads.ts'

/** Options of `send`. */
export interface SendOptions extends TargetOptions {
  readonly submissionId?: string
  readonly retry: number
  readonly repeat?: true
  readonly speed?: number
  /** Files to serve. */
  readonly file?: readonly string[]
  readonly filePort: number
  readonly certificateFolder: string
  /** File for a record of the requests. */
  readonly capture?: string
}

/** Sends the submission from a file or from standard input. */
export async function send(file: string, options: SendOptions, streams: Streams): Promise<void> {
  assertOptions(options)
  const target = await readTarget(options, streams)
  const submission = file === '-' ? await readStdin(streams.stdin) : await withFile(file, readFile)
  using progress = new Progress(streams.stderr)
  using capture = options.capture === undefined ? undefined : await withFile(options.capture, Capture.open)
  await using uploads = await startUploads(options, progress)
  using interruption = new Interruption()
  const { signal } = interruption
  const sent = new Sent(options)
  if (options.repeat) progress.note(REPEATS)
  let receipt: Receipt | undefined
  try {
    receipt = await submit({
      ...target,
      submission,
      retries: options.retry,
      repeat: options.repeat ?? false,
      speed: options.speed ?? 1,
      signal,
      ...(capture !== undefined && { onExchange: (exchange) => capture.add(exchange) }),
      ...(options.submissionId !== undefined && { submissionId: options.submissionId }),
      ...(uploads !== undefined && { attachments: () => uploads.links() }),
      onAttempt(attempt) {
        sent.begin()
        progress.waitFor((seconds) => `${sent.name(attempt)}waiting for the receiver, ${seconds} s ...`)
      },
      onRetry(attempt, seconds, error) {
        sent.fail(error)
        progress.note(`${sent.failed(attempt, error)}; ${sent.next(attempt, seconds)}`)
        if (seconds >= 1)
          progress.waitFor(
            (passed) => `${sent.name(attempt + 1)}in ${inWords(Math.max(0, Math.round(seconds) - passed))}`,
            { terminalOnly: true },
          )
      },
    })
    progress.end()
    assertRecognised(receipt)
    if (uploads !== undefined) await serve(uploads, receipt, progress, signal)
    printReceipt(receipt, options, streams)
  } catch (error) {
    const isOurs = error instanceof AdapterError
    if (signal.aborted && !(isOurs && error.code === 'ERR_SENDING_STOPPED')) throw sent.stopped()
    if (!isOurs) throw error
    if (options.repeat && sent.isLast && receipt === undefined)
      progress.note(`${sent.failed(SENDER_DELIVERIES, error)}; Form Builder gives up here`)
    if (uploads !== undefined && error instanceof RefusalError && CANNOT_FETCH.test(error.problemCode ?? ''))
      progress.note(`the adapter could not fetch the files; start it with ${uploads.settings.join(' ')}`)
    throw error
  }
}

async function startUploads(options: SendOptions, progress: Progress): Promise<Uploads | undefined> {
  const { file: paths, filePort: port, certificateFolder } = options
  if (paths === undefined) return undefined
  // Loaded only where it is needed: it brings what makes certificates.
  const { uploadOf, Uploads } = await import('./uploads.ts')
  const files = await Promise.all(
    paths.map(async (path) => uploadOf(path, await withFile(path, (name) => readFile(name)))),
  )
  const uploads = await withFile(certificateFolder, (folder) =>
    Uploads.start(files, { port, certificateFolder: folder }),
  )
  progress.note(
    `serving ${inFiles(uploads.count)} from this machine; the adapter can fetch them if it was started with`,
  )
  for (const setting of uploads.settings) progress.note(`  ${setting}`)
  progress.note('(a host with a port may have a private address; without the entry the adapter refuses it)')
  return uploads
}

/** Serves the files until the adapter has fetched them, and says so. */
async function serve(uploads: Uploads, receipt: Receipt, progress: Progress, signal: AbortSignal): Promise<void> {
  const all = inFiles(uploads.count)
  if (receipt.outcome === 'duplicate' && uploads.fetched < uploads.count)
    return progress.note('the receiver already had the submission, and does not fetch its files again')
  if (uploads.fetched < uploads.count) {
    const left = () =>
      `${uploads.fetched} of ${all} fetched; the links live for another ${inWords(uploads.secondsLeft)}`
    progress.note(
      `${receipt.outcome}: the receiver has the submission; serving until it has fetched the files (${left()})`,
    )
    progress.waitFor(left, { terminalOnly: true })
    await uploads.allFetched(signal)
  }
  progress.note(`the receiver has fetched ${all}`)
}

const inFiles = (count: number) => (count === 1 ? '1 file' : `${count} files`)

const CANNOT_FETCH = /^ERR_ATTACHMENT_(?:REFUSED|UNREACHABLE)$/

const REPEATS = `repeating as Form Builder does: up to ${SENDER_DELIVERIES} deliveries in 20 days, until the answer is 2xx; Ctrl-C stops`

function assertOptions({ repeat, retry, speed, file, allowLocal }: SendOptions): void {
  if (file !== undefined && !allowLocal)
    throw new UsageError('--file needs --allow-local: the adapter fetches the files from this machine')
  if (repeat && retry > 0) throw new UsageError('--repeat and --retry cannot be combined')
  if (speed !== undefined && !repeat) throw new UsageError('--speed needs --repeat')
}

function assertRecognised({ outcome, status }: Receipt): void {
  if (outcome !== 'unrecognised') return
  const why = `answered ${status}, but not that it has the submission: another server may have answered`
  throw new AdapterError('ERR_RECEIVER_REFUSED', `the receiver ${why}; sending again is safe`)
}

function printReceipt(receipt: Receipt, { json }: SendOptions, streams: Streams): void {
  const { outcome, status, submissionId, attempts } = receipt
  const meaning = outcome === 'duplicate' ? 'the receiver already had it' : 'the receiver has it'
  const atAttempt = attempts > 1 ? `, at attempt ${attempts}` : ''
  print(streams, json, receipt, `${outcome}: ${meaning} (${status}${atAttempt}), submission ${submissionId}`)
}
