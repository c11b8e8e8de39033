/** Captures the files of a submission: their ciphertext is stored before the sender gets its answer. */
import { randomUUID } from 'node:crypto'
import { AdapterError, type ErrorCode } from '../errors.ts'
import { attachmentKey } from '../protocol/attachment.ts'
import type { AttachmentLink } from '../protocol/submission.ts'
import { Ciphertext, type Measures } from './ciphertext.ts'
import { type After, afterSeconds, deadline, within } from './deadline.ts'
import type { FileStore } from './file-store.ts'
import { type AttachmentHosts, attachmentHosts } from './hosts.ts'
import { Budget, type CaptureLimits, DEFAULT_CAPTURE_LIMITS, Slots } from './limits.ts'
import { linkAgent, openLink, type Resolve, systemResolve } from './link.ts'

/** A file whose ciphertext is stored. */
export interface CapturedFile extends Measures {
  /** Random UUID: names the file in the store and in its public link. */
  readonly id: string
}

/** A file that could not be captured: why, and a message that names it by its position. */
export interface MissingFile {
  readonly missing: ErrorCode
  readonly message: string
}

/** Options of a capture. Limits that are not given have their defaults. */
export interface CaptureOptions extends Partial<CaptureLimits> {
  readonly store: FileStore
  /** Default: the S3 hosts of the platform. */
  readonly hosts?: AttachmentHosts
  /** Default: the resolver of the system. */
  readonly resolve?: Resolve
  /** Authorities (PEM) that certify file links instead of the system's. */
  readonly authorities?: readonly string[]
  /** The clock of its time limits. Default: the process's. */
  readonly after?: After
}

/** Captures files. */
export interface Capture {
  /**
   * Captures all files of a submission and returns one result for each link, in their order. A caller that does not accept
   * the submission removes the captured files; the sweep removes what a crash leaves behind.
   * @throws {AdapterError} ERR_STORE_UNAVAILABLE: the store failed. The signal's reason, if it aborts.
   * In both cases no file stays in the store.
   */
  capture(links: readonly AttachmentLink[], signal?: AbortSignal): Promise<readonly StoredFile[]>
}

/** A file of a submission, in its order there. */
export type StoredFile = CapturedFile | MissingFile

/** Whether a file was captured. */
export function isCaptured(file: StoredFile): file is CapturedFile {
  return 'id' in file
}

/** Creates the one reader of attachment links in a process. Its limits apply to all captures together. */
export function createCapture(options: CaptureOptions): Capture {
  const hosts = options.hosts ?? attachmentHosts()
  const agent = linkAgent(options.authorities)
  const limits = { ...DEFAULT_CAPTURE_LIMITS, resolve: systemResolve, after: afterSeconds, ...options, hosts, agent }
  // By default one file may use two thirds of the time for all files: a link that hangs leaves time for the others.
  const fileTimeoutSeconds = options.fileTimeoutSeconds ?? (limits.timeoutSeconds * 2) / 3
  const { store, after } = limits
  const slots = new Slots(limits.inFlight)

  return {
    async capture(links, signal) {
      const seconds = limits.timeoutSeconds
      using all = deadline(seconds, () => timedOut(`not all files arrived within ${seconds} seconds`), signal, after)
      const results: StoredFile[] = []
      const budget = new Budget(limits.totalLimitBytes)
      const queue = links.entries()
      const workers = Array.from({ length: limits.concurrency }, async () => {
        for (const [i, link] of queue) results[i] = await captureFile(i, link, budget, all.signal)
      })
      try {
        await Promise.all(workers)
        return results
      } catch (error) {
        all.abort(error)
        await Promise.allSettled(workers)
        // The sweep removes what cannot be removed now.
        await store.remove(results.filter(isCaptured).map(({ id }) => id)).catch(() => {})
        throw error
      }
    },
  }

  async function captureFile(i: number, link: AttachmentLink, budget: Budget, signal: AbortSignal) {
    try {
      if (i >= limits.limitCount) throw tooLarge(`only ${limits.limitCount} files are allowed`)
      attachmentKey(link)
      return await readFile(link, budget, signal)
    } catch (error) {
      if (!(error instanceof AdapterError) || !error.code.startsWith('ERR_ATTACHMENT_')) throw error
      return { missing: error.code, message: `attachments[${i}]: ${error.message}` }
    }
  }

  async function readFile(link: AttachmentLink, budget: Budget, signal: AbortSignal): Promise<CapturedFile> {
    const slot = await slots.take(signal)
    const late = `the file did not arrive within ${fileTimeoutSeconds} seconds`
    using time = deadline(fileTimeoutSeconds, () => timedOut(late), signal, after)
    const id = randomUUID()
    const work = transfer(id, link, budget, time.signal).finally(() => slot[Symbol.dispose]())
    try {
      return await within(time.signal, work)
    } catch (error) {
      // The store needs a moment to clean up. If it hangs and finishes later, the file has no owner, and the sweep removes it.
      const cleared = work.then(() => store.remove([id])).catch(() => {})
      using grace = deadline(GRACE_SECONDS, () => timedOut('the store hangs'))
      await within(grace.signal, cleared).catch(() => {})
      throw error
    }
  }

  async function transfer(
    id: string,
    link: AttachmentLink,
    budget: Budget,
    signal: AbortSignal,
  ): Promise<CapturedFile> {
    const response = await openLink(link.url, { ...limits, limitBytes: limits.limitBytes * 2, signal })
    let taken = 0
    const count = (bytes: number) => {
      taken += bytes
      budget.take(bytes)
    }
    const ciphertext = new Ciphertext(response, link, { limitBytes: limits.limitBytes, signal, count })
    try {
      await store.write(id, ciphertext)
      return { id, ...ciphertext.measures }
    } catch (error) {
      budget.giveBack(taken)
      if (error instanceof AdapterError || signal.aborted) throw error
      throw new AdapterError('ERR_STORE_UNAVAILABLE', 'the files cannot be stored now', { cause: error })
    } finally {
      response.destroy()
    }
  }
}

const GRACE_SECONDS = 1

const tooLarge = (message: string) => new AdapterError('ERR_ATTACHMENT_TOO_LARGE', message)

const timedOut = (message: string) => new AdapterError('ERR_ATTACHMENT_TIMEOUT', message)
