/** The files that TLS needs: read at the start, read again when they change, and the old ones kept when new ones are bad. */
import type { SecureContextOptions } from 'node:tls'
import { daysUntil, type Identity, parseIdentity } from './certificates.ts'
import { reasonOf, SecureServerError } from './errors.ts'
import type { ServerEvent } from './events.ts'
import { secureContextOptions, type TlsPolicy } from './tls-policy.ts'
import { WatchedFiles } from './watched-files.ts'

/** Certificate, key and policy. */
export interface TlsOptions extends TlsPolicy {
  /** PEM, with its chain. Read again within 2 seconds of a change. */
  readonly certFile: string
  /** PEM, not encrypted. */
  readonly keyFile: string
}

/** The TLS files of one server, as last accepted. */
export class TlsMaterial {
  readonly #options: TlsOptions
  readonly #onEvent: (event: ServerEvent) => void
  readonly #files: WatchedFiles
  #identity: Identity

  /**
   * Reads every file.
   * @throws {SecureServerError} ERR_CERTIFICATE_INVALID.
   */
  static async read(options: TlsOptions, onEvent: (event: ServerEvent) => void): Promise<TlsMaterial> {
    const files = new WatchedFiles([options.certFile, options.keyFile])
    return new TlsMaterial(options, onEvent, files, await readIdentity(files))
  }

  private constructor(
    options: TlsOptions,
    onEvent: (event: ServerEvent) => void,
    files: WatchedFiles,
    identity: Identity,
  ) {
    this.#options = options
    this.#onEvent = onEvent
    this.#files = files
    this.#identity = identity
  }

  /** The whole secure context, to create a server with or to replace its context. */
  get context(): SecureContextOptions {
    const { cert, key } = this.#identity
    return { ...secureContextOptions(this.#options, true), cert, key }
  }

  /** The certificate that is served. */
  certificate(): { readonly notAfter: Date; readonly daysLeft: number } {
    const { notAfter } = this.#identity
    return { notAfter, daysLeft: daysUntil(notAfter) }
  }

  /**
   * Reads the files again when they changed, or in any case when `force`d; true when a new context is to be taken.
   * @throws {SecureServerError} ERR_CERTIFICATE_INVALID: only when forced; otherwise a refusal is an event.
   */
  async refresh(now: number, force = false): Promise<boolean> {
    if (!(force || (await this.#files.changed(now)))) return false
    try {
      this.#identity = await readIdentity(this.#files)
    } catch (error) {
      this.#onEvent({ type: 'certificate.refused', files: this.#files.paths, reason: reasonOf(error) })
      if (force) throw error
      return false
    }
    return true
  }

  /** Tells which certificate is served. */
  announce(): void {
    const { notAfter, fingerprint256 } = this.#identity
    this.#onEvent({ type: 'certificate.loaded', notAfter, daysLeft: daysUntil(notAfter), fingerprint256 })
  }
}

async function readIdentity(files: WatchedFiles): Promise<Identity> {
  try {
    const [cert, key] = await files.read()
    return parseIdentity(cert ?? Buffer.alloc(0), key ?? Buffer.alloc(0))
  } catch (error) {
    if (error instanceof SecureServerError) throw error
    throw new SecureServerError('ERR_CERTIFICATE_INVALID', `certificate or key file: ${reasonOf(error)}`)
  }
}
