/** A file store that behaves like the platform's: hexadecimal text of the ciphertext, links that expire, GET only. Subpath ./file-server. */
import '../../node-version.cjs'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { encryptAttachment } from '../protocol/attachment.ts'
import type { AttachmentLink } from '../protocol/submission.ts'
import type { DevelopmentCertificate } from './certificate.ts'

export { type KeptCertificate, keptCertificate } from './kept-certificate.ts'

/** A file as a citizen uploads it. */
export interface Upload {
  readonly filename: string | null
  readonly mimetype: string | null
  readonly content: Uint8Array
}

/** Options of a file store. */
export interface FileStoreOptions {
  /** Port of 127.0.0.1; default 0: any that is free. */
  readonly port?: number
  /** Called each time the file behind a link was sent to its end. */
  readonly onFetched?: (url: string) => void
}

/** Answers GET with files, as S3 does. The adapter under test trusts its certificate. */
export class TestFileStore {
  readonly #server: Server
  readonly #objects = new Map<string, { readonly hexText: string; readonly expiresAt: number; readonly url: string }>()
  readonly #now: () => number
  /** Requests answered so far. */
  served = 0
  /** While true, every request is answered with 503. */
  isDown = false

  private constructor(server: Server, now: () => number) {
    this.#server = server
    this.#now = now
  }

  /** `now`: the clock by which links expire. @throws Node's error, such as EADDRINUSE, if it cannot listen */
  static async start(
    certificate: DevelopmentCertificate,
    now: () => number = Date.now,
    { port = 0, onFetched }: FileStoreOptions = {},
  ): Promise<TestFileStore> {
    const server = createServer(certificate)
    const store = new TestFileStore(server, now)
    server.on('request', (request, response) => {
      const object = store.#objects.get(request.url?.split('?')[0] ?? '')
      // Like S3: a link is signed for one method and expires. Otherwise the answer is 403 with XML.
      const allowed = object !== undefined && request.method === 'GET' && object.expiresAt > store.#now()
      store.served += 1
      if (store.isDown) response.writeHead(503).end()
      else if (allowed) {
        response.once('finish', () => onFetched?.(object.url))
        response.writeHead(200, { 'Content-Type': 'binary/octet-stream' }).end(object.hexText)
      } else
        response.writeHead(403, { 'Content-Type': 'application/xml' }).end('<Error><Code>AccessDenied</Code></Error>')
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return store
  }

  /** `localhost:<port>`, for `ATTACHMENT_HOSTS`. */
  get origin(): string {
    return `localhost:${(this.#server.address() as AddressInfo).port}`
  }

  /** Encrypts a file and returns a fresh link to it, as the platform does for every delivery. It expires after 15 minutes by default. */
  link(upload: Upload, lifeSeconds = 900): AttachmentLink {
    const { hexText, encryption_key, encryption_iv } = encryptAttachment(upload.content)
    const path = `/${randomUUID()}`
    const url = `https://${this.origin}${path}?X-Amz-Expires=${lifeSeconds}&X-Amz-Signature=${randomUUID()}`
    this.#objects.set(path, { hexText, expiresAt: this.#now() + lifeSeconds * 1000, url })
    return { url, encryption_key, encryption_iv, mimetype: upload.mimetype, filename: upload.filename }
  }

  /** Forgets a file: its link is answered as an expired one. */
  withdraw({ url }: Pick<AttachmentLink, 'url'>): void {
    this.#objects.delete(new URL(url).pathname)
  }

  /** Lets the process end although the server listens. */
  unref(): void {
    this.#server.unref()
  }

  /** Stops the server and closes all connections. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
