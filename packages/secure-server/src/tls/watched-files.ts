/** Notices when files change while the server runs: by rename, through a symbolic link, or by overwriting in place. */
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { type ErrorCode, reasonOf, SecureServerError } from '../errors.ts'

/** Files that are read together, and can be checked for changes since the last read. */
export class WatchedFiles {
  readonly paths: readonly string[]
  readonly #known = new Map<string, Known>()
  #read = ''
  #candidate: { contents: string; since: number } | undefined

  constructor(paths: readonly string[]) {
    this.paths = paths
  }

  /**
   * Reads every file, in the order of `paths`. From then on `changed` compares with these contents.
   * @throws {SecureServerError} with the given code: the message names the file that cannot be read.
   */
  async read(code: ErrorCode): Promise<Buffer[]> {
    this.#candidate = undefined
    // Set before reading, so that files that cannot be read are not tried again until they change.
    this.#read = await this.#contents()
    const buffers = await Promise.all(
      this.paths.map(async (path) => {
        try {
          return await readFile(path)
        } catch (error) {
          throw new SecureServerError(code, `${path} cannot be read (${reasonOf(error)})`)
        }
      }),
    )
    this.#read = buffers.map(digest).join(' ')
    return buffers.map(withoutMark)
  }

  /**
   * Whether the files have new contents that have settled: unchanged between two calls, so that a certificate is not read
   * without its key; or changing for a second, so that files that never settle are read too.
   */
  async changed(now: number): Promise<boolean> {
    const contents = await this.#contents()
    if (contents === this.#read) {
      this.#candidate = undefined
      return false
    }
    const candidate = this.#candidate
    if (candidate?.contents === contents) return true
    this.#candidate = { contents, since: candidate?.since ?? now }
    return now - this.#candidate.since >= SETTLE_MILLISECONDS
  }

  async #contents(): Promise<string> {
    const digests = await Promise.all(this.paths.map((path) => this.#digest(path)))
    return digests.join(' ')
  }

  async #digest(path: string): Promise<string> {
    try {
      const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
      const identity = `${ino} ${size} ${mtimeNs} ${ctimeNs}`
      const known = this.#known.get(path)
      if (known?.identity === identity && !known.recent) return known.digest
      // Two writes within one tick of the clock leave the same times, so recent times do not prove that nothing changed.
      const recent = Date.now() - Number(mtimeNs / 1_000_000n) < RECENT_MILLISECONDS
      const digested = digest(await readFile(path))
      this.#known.set(path, { identity, digest: digested, recent })
      return digested
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    }
  }
}

interface Known {
  readonly identity: string
  readonly digest: string
  readonly recent: boolean
}

const SETTLE_MILLISECONDS = 1000
const RECENT_MILLISECONDS = 2000

/** OpenSSL finds no certificate in a line that begins with the byte order mark of an editor. */
function withoutMark(contents: Buffer): Buffer {
  return contents.subarray(0, 3).equals(BYTE_ORDER_MARK) ? contents.subarray(3) : contents
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])

function digest(contents: Buffer): string {
  return createHash('sha256').update(contents).digest('base64')
}
