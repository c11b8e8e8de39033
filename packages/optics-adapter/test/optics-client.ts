/** A client of Optics for tests, and the outcome of its requests. */
import { setTimeout as elapsed } from 'node:timers/promises'
import { UncertainError } from '@formbuilder/adapter-sdk'
import type { AxiosInstance } from 'axios'
import { createOptics, type OpticsConfig, OpticsError } from '../src/index.ts'

export const KEYS = { apiKey: 'some_optics_api_key', secretKey: 'some_secret_optics_api_key' }

export function client(
  endpoint: string,
  { axios, now, ...config }: Partial<OpticsConfig> & { axios?: AxiosInstance; now?: () => number } = {},
) {
  return createOptics(
    {
      endpoint,
      ...KEYS,
      timeZone: 'UTC',
      duplicateCheck: 'external-id',
      commentType: '1801265',
      timeoutSeconds: 5,
      settleSeconds: 120,
      ...config,
    },
    { ...(axios && { client: axios }), ...(now && { now }) },
  )
}

export const SUBMISSION_ID = '72c49803-e9c3-42ac-bde1-09c04595a2d3'

/** The body of a complaint that contains its submissionId. */
export function complaintBody(fields: Readonly<Record<string, unknown>> = {}): Buffer {
  return Buffer.from(
    JSON.stringify({
      Type: 'Complaint',
      Format: 'json',
      Details: 'Life is unfair',
      ExternalId: SUBMISSION_ID,
      ...fields,
    }),
  )
}

export const notAborted = { signal: new AbortController().signal }

/** The result of a request, or the code of its error and whether it may be repeated. */
export async function outcomeOf(request: Promise<unknown>): Promise<unknown> {
  try {
    return await request
  } catch (error) {
    if (error instanceof OpticsError) return `retry ${error.code}`
    if (error instanceof UncertainError) return `uncertain ${error.code}`
    throw error
  }
}

/** The message of the error that a request rejects with. */
export async function messageOf(request: Promise<unknown>): Promise<string> {
  return request.then(
    () => 'no error',
    (error: Error) => error.message,
  )
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await elapsed(5)
}
