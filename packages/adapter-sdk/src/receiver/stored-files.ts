/** Finds a captured file by its public id. The key that decrypts it is inside its submission's JWE. */
import type { Config } from '../config.ts'
import { AdapterError } from '../errors.ts'
import { firstBytes, openAttachment } from '../files/attachment.ts'
import { decryptCompact } from '../protocol/jwe.ts'
import { parseSubmission } from '../protocol/submission.ts'
import type { Store } from '../store/store.ts'
import type { OpenFile } from './downloads.ts'

export interface StoredFilesOptions {
  readonly store: Pick<Store, 'ownerOf' | 'files'>
  readonly config: Pick<Config, 'keyrings'>
}

/** Returns a function that finds a file by its id. It throws ERR_ATTACHMENT_NOT_FOUND for an id without a file. */
export function findFile({ store, config }: StoredFilesOptions): (id: string) => Promise<OpenFile> {
  return async (id) => {
    const row = await store.ownerOf(id)
    const position = row?.files.findIndex((file) => 'id' in file && file.id === id) ?? -1
    const file = row?.files[position]
    if (row?.jwe == null || file === undefined || 'missing' in file) {
      throw new AdapterError('ERR_ATTACHMENT_NOT_FOUND', 'there is no such file, or it has been deleted')
    }
    const { plaintext } = await decryptCompact(row.jwe, config.keyrings[row.form] ?? { keys: [] })
    const link = parseSubmission(plaintext).attachments[position]
    if (link === undefined) throw new AdapterError('ERR_ATTACHMENT_NOT_FOUND', 'its submission has no such file')
    return {
      filename: link.filename,
      mimetype: link.mimetype,
      bytes: file.plaintextBytes,
      open: () => firstBytes(openAttachment(store.files, file, link)),
    }
  }
}
