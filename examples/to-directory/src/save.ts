/** Saves submissions in a folder, each in one of its own: `answers.json`, and the files beside it. */
import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Context, Outcome, Submission } from '@formbuilder/adapter-sdk'

/** Returns a handler. A folder that has its name is complete; one that was begun ends in `.part`, and is begun again. */
export function saveTo(folder: string): (submission: Submission, context: Context) => Promise<Outcome> {
  return async ({ submissionId, serviceSlug, submissionAnswers }, { attachments, receivedAt, signal }) => {
    const name = encodeURIComponent(submissionId)
    const [complete, part] = [join(folder, name), join(folder, `${name}.part`)]
    if (existsSync(complete)) return { reference: name }

    await rm(part, { recursive: true, force: true })
    await mkdir(part, { recursive: true, mode: 0o700 })
    for (const [i, file] of attachments.entries()) {
      const to = createWriteStream(join(part, `${i + 1}-${safeName(file.filename)}`), { mode: 0o600 })
      await pipeline(file.stream(), to, { signal })
    }
    const record = { submissionId, serviceSlug, receivedAt, submissionAnswers }
    await writeFile(join(part, 'answers.json'), `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600, signal })
    await rename(part, complete)
    return { reference: name }
  }
}

/** The person who fills in the form names the file: what could leave the folder, or hide, is taken out. */
function safeName(filename: string | null): string {
  const name = (filename ?? '').replaceAll(/[^\p{L}\p{N} ._-]/gu, '_').replace(/^[. ]+/, '')
  return name.slice(-100) || 'file'
}
