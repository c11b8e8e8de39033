/** Watches files that are replaced while the server runs: by a rename, through a symbolic link, or in place. */
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { type ErrorCode, reasonOf, SecureServerError } from '../errors.ts'

/** A set of files that is read together. */
export class WatchedFiles {
  readonly paths: readonly string[]
  readonly #known = new Map<string, Known>()
  #read = ''
  #candidate: { contents: string; since: number } | undefined

  constructor(paths: readonly string[]) {
    this.paths = paths
  }

  /**
   * The contents of every file, in the order of `paths`. From now on `changed` compares with these.
   * @throws {SecureServerError} with the given code: names the file that cannot be read.
   */
  async read(code: ErrorCode): Promise<Buffer[]> {
    this.#candidate = undefined
    // A set that cannot be read is read again only after a change.
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
    return buffers
  }

  /** Whether there are new contents. They must be the same at two checks, so that a half-written pair is not read. */
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
      if (known?.identity === identity && !known.young) return known.digest
      // A second write within the same clock tick leaves the same times: recent times are not trusted.
      const young = Date.now() - Number(mtimeNs / 1_000_000n) < YOUNG_MILLISECONDS
      const digested = digest(await readFile(path))
      this.#known.set(path, { identity, digest: digested, young })
      return digested
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    }
  }
}

interface Known {
  readonly identity: string
  readonly digest: string
  readonly young: boolean
}

const SETTLE_MILLISECONDS = 1000
const YOUNG_MILLISECONDS = 2000

function digest(contents: Buffer): string {
  return createHash('sha256').update(contents).digest('base64')
}
