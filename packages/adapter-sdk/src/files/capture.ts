/** Files of submissions: captured as ciphertext before the sender is answered, decrypted when they are read. */
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { pipeline, type Readable } from 'node:stream'
import { AdapterError, type ErrorCode } from '../errors.ts'
import { type AttachmentSecret, attachmentKey, createAttachmentDecipher } from '../protocol/attachment.ts'
import type { AttachmentLink } from '../protocol/submission.ts'
import { Ciphertext, type Measures } from './ciphertext.ts'
import { deadline, within } from './deadline.ts'
import { type AttachmentStore, BLOCK_BYTES } from './file-store.ts'
import { type AttachmentHosts, attachmentHosts } from './hosts.ts'
import { Budget, type CaptureLimits, DEFAULT_CAPTURE_LIMITS, Slots } from './limits.ts'
import { linkAgent, openLink, type Resolve, systemResolve } from './link.ts'

/** A file that is in the store. */
export interface CapturedFile extends Measures {
  /** Random UUID: the name of the file in the store and in its public link. */
  readonly id: string
}

/** A file that could not be captured: why, and a message that names it by its position. */
export interface MissingFile {
  readonly missing: ErrorCode
  readonly message: string
}

/** What a capture is made with. Limits that are not given are the default ones. */
export interface CaptureOptions extends Partial<CaptureLimits> {
  readonly store: AttachmentStore
  /** Default: the S3 hosts of the platform. */
  readonly hosts?: AttachmentHosts
  /** Default: the resolver of the system. */
  readonly resolve?: Resolve
  /** Authorities (PEM) that certify file links, instead of the system's. */
  readonly authorities?: readonly string[]
}

/** Captures files. */
export interface Capture {
  /**
   * Captures all files of a submission: one result for each link, in their order. What is captured stays in the store: a
   * caller that does not accept the submission removes it, and a sweep finds what a crash leaves behind.
   * @throws {AdapterError} ERR_STORE_UNAVAILABLE: the store failed. The reason of the signal, when it aborts.
   * Either leaves no file in the store.
   */
  capture(links: readonly AttachmentLink[], signal?: AbortSignal): Promise<readonly (CapturedFile | MissingFile)[]>
}

/** Whether a file of a capture is in the store. */
export function isCaptured(file: CapturedFile | MissingFile): file is CapturedFile {
  return 'id' in file
}

/** Makes the one reader of attachment links of a process: its limits hold for all captures together. */
export function createCapture(options: CaptureOptions): Capture {
  const hosts = options.hosts ?? attachmentHosts()
  const agent = linkAgent(options.authorities)
  const limits = { ...DEFAULT_CAPTURE_LIMITS, resolve: systemResolve, ...options, hosts, agent }
  // Unless it was said, one file may take two thirds of the time of all, so that one that hangs leaves time for the others.
  const fileTimeoutSeconds = options.fileTimeoutSeconds ?? (limits.timeoutSeconds * 2) / 3
  const { store } = limits
  const slots = new Slots(limits.inFlight)

  return {
    async capture(links, signal) {
      const seconds = limits.timeoutSeconds
      using all = deadline(seconds, () => timedOut(`not all files arrived within ${seconds} seconds`), signal)
      const results: (CapturedFile | MissingFile)[] = []
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
        // What cannot be removed now is found by the sweep.
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
    using time = deadline(fileTimeoutSeconds, () => timedOut(late), signal)
    const id = randomUUID()
    const work = transfer(id, link, budget, time.signal).finally(() => slot[Symbol.dispose]())
    try {
      return await within(time.signal, work)
    } catch (error) {
      // The store clears up in a moment. One that hangs may end its work one day; by then the file belongs to nobody.
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

/**
 * A captured file in clear, decrypted while it is read. The last block of the store is given out only after the SHA-256
 * of the whole was found equal: a file that is not what was captured breaks off and never ends, and one of up to a
 * block (64 KiB) gives no byte at all.
 * Fails with ERR_ATTACHMENT_NOT_FOUND or ERR_ATTACHMENT_CORRUPT, and ends no process when nobody listens.
 * @throws {AdapterError} ERR_ATTACHMENT_KEY_INVALID
 */
export function openAttachment(store: AttachmentStore, file: CapturedFile, secret: AttachmentSecret): Readable {
  const decipher = createAttachmentDecipher(secret)
  pipeline(checked(store, file), decipher, () => {})
  return decipher
}

/**
 * Resolves when the first bytes of an open file are there: until then an HTTP answer can still say that it failed.
 * @throws {AdapterError} ERR_ATTACHMENT_NOT_FOUND, ERR_ATTACHMENT_CORRUPT
 */
export async function firstBytes(file: Readable): Promise<Readable> {
  await once(file, 'readable')
  return file
}

async function* checked(store: AttachmentStore, file: CapturedFile): AsyncGenerator<Buffer, void, undefined> {
  const sha256 = createHash('sha256')
  const held = Buffer.allocUnsafeSlow(BLOCK_BYTES)
  let heldBytes = 0
  for await (const block of store.read(file.id)) {
    if (heldBytes > 0) yield held.subarray(0, heldBytes)
    sha256.update(block)
    heldBytes = block.copy(held)
  }
  if (sha256.digest('hex') !== file.sha256)
    throw new AdapterError('ERR_ATTACHMENT_CORRUPT', 'the file is not what was captured')
  yield held.subarray(0, heldBytes)
}

const GRACE_SECONDS = 1

const tooLarge = (message: string) => new AdapterError('ERR_ATTACHMENT_TOO_LARGE', message)

const timedOut = (message: string) => new AdapterError('ERR_ATTACHMENT_TIMEOUT', message)
