/** Files of `--file`: encrypted and served by this machine as the platform serves them, with fresh links for each delivery. */
import { basename, extname } from 'node:path'
import { keptCertificate, TestFileStore, type Upload } from '@formbuilder/adapter-sdk/file-server'
import { AdapterError, type AttachmentLink } from '@formbuilder/adapter-sdk/protocol'
import { UsageError } from './exit-code.ts'

/** Where files are served. */
export interface UploadOptions {
  readonly port: number
  /** Folder of the certificate, which is made if it is missing. */
  readonly certificateFolder: string
  /** How long a link lives, in seconds; default 900, as the platform's. */
  readonly linkSeconds?: number
  /** The clock by which links expire; default `Date.now`. */
  readonly now?: () => number
}

/** A running file server with the files of one submission. */
export class Uploads implements AsyncDisposable {
  readonly #server: TestFileStore
  readonly #files: readonly Upload[]
  readonly #linkSeconds: number
  readonly #now: () => number
  readonly #fetched = new Set<string>()
  #links: readonly AttachmentLink[] = []
  #expiresAt = 0
  #wake = () => {}
  /** The settings with which an adapter on this machine can fetch the files. */
  readonly settings: readonly string[]

  private constructor(server: TestFileStore, files: readonly Upload[], certFile: string, options: UploadOptions) {
    this.#server = server
    this.#files = files
    this.#linkSeconds = options.linkSeconds ?? 900
    this.#now = options.now ?? Date.now
    this.settings = [`ATTACHMENT_HOSTS=${server.origin}`, `NODE_EXTRA_CA_CERTS=${certFile}`]
  }

  /** @throws {UsageError} the port is not free, or the folder has another certificate. Also errors of the file system. */
  static async start(files: readonly Upload[], options: UploadOptions): Promise<Uploads> {
    const { port, certificateFolder, now = Date.now } = options
    const told = { fetched: (_url: string) => {} }
    try {
      const certificate = await keptCertificate(certificateFolder)
      const onFetched = (url: string) => told.fetched(url)
      const server = await TestFileStore.start(certificate, now, { port, onFetched })
      const uploads = new Uploads(server, files, certificate.certFile, options)
      told.fetched = (url) => uploads.#note(url)
      return uploads
    } catch (error) {
      if (error instanceof AdapterError) throw new UsageError(`--certificate-folder: ${error.message}`)
      const code = error instanceof Error && 'code' in error ? error.code : ''
      if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error
      if ((error as NodeJS.ErrnoException).syscall !== 'listen') throw error
      throw new UsageError(`port ${port} cannot be used (${code}); choose another for the files with --file-port`)
    }
  }

  /** Fresh links, as the platform makes them for each delivery. Those of the delivery before are forgotten. */
  links(): readonly AttachmentLink[] {
    for (const link of this.#links) this.#server.withdraw(link)
    this.#fetched.clear()
    this.#expiresAt = this.#now() + this.#linkSeconds * 1000
    this.#links = this.#files.map((file) => this.#server.link(file, this.#linkSeconds))
    return this.#links
  }

  get count(): number {
    return this.#files.length
  }

  /** How many files of the last delivery were fetched to their end. */
  get fetched(): number {
    return this.#fetched.size
  }

  /** How long the links of the last delivery still live, in seconds. */
  get secondsLeft(): number {
    return Math.max(0, (this.#expiresAt - this.#now()) / 1000)
  }

  /**
   * Resolves when every file of the last delivery was fetched.
   * @throws {AdapterError} ERR_FILES_NOT_FETCHED: the links live no longer. ERR_SENDING_STOPPED: the signal has aborted.
   */
  async allFetched(signal: AbortSignal): Promise<void> {
    for (;;) {
      const missing = this.count - this.fetched
      if (missing === 0) return
      const what = `${missing} of ${this.count} files were not fetched`
      if (signal.aborted)
        throw new AdapterError('ERR_SENDING_STOPPED', `stopped: the receiver has the submission; ${what}`)
      if (this.secondsLeft === 0)
        throw new AdapterError(
          'ERR_FILES_NOT_FETCHED',
          `the receiver has the submission; ${what} while the links lived`,
        )
      await this.#change(signal)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop()
  }

  /** Resolves when a file was fetched, the links expire or the signal aborts. */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake(), this.secondsLeft * 1000)
      this.#wake = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', this.#wake)
        resolve()
      }
      signal.addEventListener('abort', this.#wake)
    })
  }

  #note(url: string): void {
    if (this.#links.some((link) => link.url === url)) this.#fetched.add(url)
    this.#wake()
  }
}

/**
 * A file as the platform hands it on: its type by the extension, which is replaced by the usual one of that type (photo.jpg
 * becomes photo.jpeg), and without the characters that the platform removes from a name.
 */
export function uploadOf(path: string, content: Uint8Array): Upload {
  if (content.byteLength === 0) throw new UsageError(`the file ${path} is empty, and Form Builder sends no empty file`)
  const name = basename(path)
  const extension = extname(name)
  const [mimetype, usual] = TYPES.get(extension.slice(1).toLowerCase()) ?? [
    'application/octet-stream',
    extension.slice(1),
  ]
  const stem = name.slice(0, name.length - extension.length).replace(REMOVED, '')
  return { filename: usual === '' ? stem : `${stem}.${usual}`, mimetype, content }
}

const REMOVED = /[<>"[\]{}*?:|/\\]/g

/** What the upload questions of Form Builder accept: extension, MIME type and the extension that the platform gives it. */
const TYPES: ReadonlyMap<string, readonly [string, string]> = new Map([
  ['csv', ['text/csv', 'csv']],
  ['doc', ['application/msword', 'doc']],
  ['docx', ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'docx']],
  ['gif', ['image/gif', 'gif']],
  ['jpeg', ['image/jpeg', 'jpeg']],
  ['jpg', ['image/jpeg', 'jpeg']],
  ['odt', ['application/vnd.oasis.opendocument.text', 'odt']],
  ['pdf', ['application/pdf', 'pdf']],
  ['png', ['image/png', 'png']],
  ['rtf', ['text/rtf', 'rtf']],
  ['txt', ['text/plain', 'txt']],
  ['xls', ['application/vnd.ms-excel', 'xls']],
  ['xlsx', ['application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', 'xlsx']],
])
