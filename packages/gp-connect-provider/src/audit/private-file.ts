/** Files that only their owner can read, and errors of the audit file. */
import { fchmodSync } from 'node:fs'
import { open } from 'node:fs/promises'

/** Why records cannot be appended to a file. Every request is refused until an operator repairs it. */
export class AuditFileError extends Error {
  override readonly name = 'AuditFileError'
  readonly code: 'AUDIT_FILE_SHARED' | 'AUDIT_FILE_BROKEN' | 'AUDIT_FILE_CLOSED' | 'AUDIT_FILE_EXPOSED'

  constructor(code: AuditFileError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** The mode of a new file. */
export const OWNER_ONLY = 0o600

/** `open` sets the mode of a new file only, and anyone can change it later. */
export function keepPrivate(file: number, mode: number): void {
  if ((mode & 0o077) === 0) return
  try {
    fchmodSync(file, OWNER_ONLY)
  } catch {
    throw new AuditFileError('AUDIT_FILE_EXPOSED', 'others than its owner can read the audit file')
  }
}

/** Appends bytes to a file, which is created if it does not exist. */
export async function appendPrivately(path: string, bytes: Buffer): Promise<void> {
  await using handle = await open(path, 'a', OWNER_ONLY)
  keepPrivate(handle.fd, (await handle.stat()).mode)
  await handle.appendFile(bytes)
}
