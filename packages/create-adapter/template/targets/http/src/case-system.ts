/** Your case system: makes one case for each key. Change this to what yours expects. */
import { PermanentError, UncertainError } from '@formbuilder/adapter-sdk'
import axios from 'axios'
import { settings } from './settings.ts'

/** What the case system needs for a new case. */
export interface NewCase {
  readonly name: string
  readonly message: string
  readonly date: string | undefined
  /** Links to the files. They work for days. */
  readonly files: readonly string[]
}

/**
 * Returns the number of the case. `key`: a repeated submission has the same, so the case system can make one case for it.
 * Throws an error that says whether a case may exist: a PermanentError says no, for good; an UncertainError says perhaps;
 * any other says that none was made yet, and is repeated.
 */
export async function openCase(key: string, newCase: NewCase, signal: AbortSignal): Promise<string> {
  const { CASE_SYSTEM_URL, CASE_SYSTEM_TOKEN } = settings()
  const request = {
    headers: { 'Idempotency-Key': key, Authorization: `Bearer ${CASE_SYSTEM_TOKEN}` },
    signal,
    timeout: 30_000,
    maxRedirects: 0,
  }
  const { status, data } = await axios.post(`${CASE_SYSTEM_URL}/cases`, newCase, request).catch((error) => {
    throw meaningOf(error)
  })
  const number: unknown = data?.id
  if (typeof number === 'string' && number !== '') return number
  // It accepted the case and did not name it. One may exist: nobody may be told that none was made.
  throw new UncertainError('the case system answered, and named no case', { status })
}

function meaningOf(error: unknown): unknown {
  const { response, code = '' } = axios.isAxiosError(error) ? error : { response: undefined }
  if (response === undefined) {
    return NEVER_SENT.has(code) ? error : new UncertainError('the case system did not answer', { cause: error })
  }
  const { status } = response
  if (NOT_NOW.has(status)) return error
  // 409: it is still at work on a request with this key.
  if (status >= 400 && status < 500 && status !== 409) {
    return new PermanentError('the case system refused the case', { status })
  }
  return new UncertainError('the case system failed, and may have made a case', { status, cause: error })
}

/** No connection was made. After that, the case system may have read the request. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

/** It made nothing: it refused this adapter's token, which a person can put right, or it asks to come back later. */
const NOT_NOW = new Set([401, 403, 408, 425, 429, 503])
