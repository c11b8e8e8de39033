import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { FileStore } from '../../src/files/file-store.ts'
import { HORIZON_SECONDS, openStore } from '../../src/store/open.ts'
import { sharedPostgres } from '../shared-postgres.ts'
import { incoming } from '../submissions.ts'

for (const kind of ['sqlite', 'postgres'] as const) {
  describe(`a sweep by a process whose clock is 25 hours ahead, on ${kind}`, () => {
    it('takes no file from a submission that is being accepted, or has it refused and sent again', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'ahead-'))
      const DATABASE_URL = kind === 'postgres' ? await (await sharedPostgres()).database() : undefined
      const store = await openStore(
        { DATABASE_URL, DATA_DIR: folder },
        { migrate: true, horizonSeconds: HORIZON_SECONDS },
      )
      const sweepAhead = () =>
        execFileSync(process.execPath, [
          join(import.meta.dirname, 'ahead.ts'),
          folder,
          ...(DATABASE_URL === undefined ? [] : [DATABASE_URL]),
        ])

      // Once while the file is being captured, and once before its submission is accepted.
      const captured = await capture(store.files, async (during) => {
        if (during) sweepAhead()
      })
      const again = captured ?? (await capture(store.files))
      sweepAhead()
      const first = await accepted(again as string)
      const last = first ?? (await accepted((await capture(store.files)) as string))
      const [isReadable, count] = [await readable(store.files, last as string), await store.count({})]
      await store.close()
      rmSync(folder, { recursive: true, force: true })

      expect(count).to.equal(1)
      expect(isReadable).to.equal(true)
      // The server of a PostgreSQL has the one clock that counts: nothing is given up there.
      if (kind === 'postgres') expect([captured === undefined, first === undefined]).to.deep.equal([false, false])

      /** The id of the file when the submission is held; undefined when it was refused. */
      async function accepted(id: string): Promise<string | undefined> {
        const file = { id, bytes: 32, plaintextBytes: 20, sha256: 'ab' }
        try {
          await store.accept([incoming({ files: [file] })])
          return id
        } catch (error) {
          expect(error).to.include({ code: 'ERR_STORE_UNAVAILABLE', retryable: true })
          return undefined
        }
      }
    })
  })
}

/** The id of the file; undefined when it could not be captured. `step`: while it is being captured. */
async function capture(files: FileStore, step: (during: boolean) => Promise<void> = async () => undefined) {
  const id = crypto.randomUUID()
  async function* source() {
    yield Buffer.alloc(300_000, 1)
    await step(true)
    yield Buffer.alloc(300_000, 2)
  }
  return await files.write(id, source()).then(
    () => id,
    () => undefined,
  )
}

async function readable(files: FileStore, id: string): Promise<boolean> {
  let bytes = 0
  for await (const block of files.read(id)) bytes += block.byteLength
  return bytes === 600_000
}
