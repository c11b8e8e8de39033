/** Captured files in a folder, beside SQLite. */
import { type FileHandle, mkdir, open, opendir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BLOCK_BYTES, type FileStore, inBlocks, isAttachmentId, notFound } from './file-store.ts'

/**
 * Keeps files in a folder of its own, made when the first is written; only the user of the process can read them.
 * A file has its id as its name from the moment it is whole and on the disk; until then its name ends in `.part`.
 */
export function folderStore(folder: string): FileStore {
  const pathOf = (id: string) => {
    if (!isAttachmentId(id)) throw notFound()
    return join(folder, id)
  }

  return {
    async write(id, source) {
      const path = pathOf(id)
      await makeFolder(folder)
      try {
        await writeFile(`${path}${PART}`, source)
        await rename(`${path}${PART}`, path)
        await syncFolder(folder)
      } catch (error) {
        // The sweep removes what cannot be removed now. The first error is the one that explains the failure.
        await this.remove([id]).catch(() => {})
        throw error
      }
    },

    async *read(id) {
      await using file = await openFound(pathOf(id))
      const block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
      for (;;) {
        const { bytesRead } = await file.read(block, 0, BLOCK_BYTES)
        if (bytesRead === 0) return
        yield block.subarray(0, bytesRead)
      }
    },

    async remove(ids) {
      for (const path of ids.filter(isAttachmentId).map(pathOf)) {
        await rm(`${path}${PART}`, { force: true })
        await rm(path, { force: true })
      }
    },

    async *list(olderThanSeconds) {
      const before = Date.now() - olderThanSeconds * 1000
      for await (const name of namesIn(folder)) {
        const id = name.endsWith(PART) ? name.slice(0, -PART.length) : name
        // Compares the time of the last change: a file that is still being written is not listed.
        if (isAttachmentId(id) && (await changedBefore(join(folder, name), before))) yield id
      }
    },
  }
}

const PART = '.part'
const WRITE_BYTES = 262_144

async function writeFile(path: string, source: AsyncIterable<Uint8Array>): Promise<void> {
  await using file = await open(path, 'wx', 0o600)
  for await (const block of inBlocks(source, WRITE_BYTES)) await writeBlock(file, block)
  await file.sync()
}

async function writeBlock(file: FileHandle, block: Buffer): Promise<void> {
  for (let written = 0; written < block.byteLength; ) written += (await file.write(block, written)).bytesWritten
}

async function openFound(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (error) {
    throw isAbsent(error) ? notFound() : error
  }
}

/** Makes the folder and syncs its name: after a power cut, a file in a folder without a name would be lost. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made))
}

/** Makes the names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder, and keeps names durable by itself.
  if (process.platform === 'win32') return
  await using handle = await open(folder, 'r')
  await handle.sync()
}

async function* namesIn(folder: string): AsyncGenerator<string, void, undefined> {
  try {
    for await (const { name } of await opendir(folder)) yield name
  } catch (error) {
    if (!isAbsent(error)) throw error
  }
}

async function changedBefore(path: string, time: number): Promise<boolean> {
  try {
    return (await stat(path)).mtimeMs <= time
  } catch (error) {
    if (isAbsent(error)) return false
    throw error
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
