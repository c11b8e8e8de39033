/** Builds valid requests to a practice, and requests that differ from them. */
import { randomUUID } from 'node:crypto'
import { exchange, type Reply, requestBytes, type Target } from './client.ts'
import type { ClientName, Pki } from './pki.ts'
import { PUBLIC_URL, ROOTS } from './practice.ts'
import { makeToken, type TokenOverrides } from './token.ts'

const BASE = 'urn:nhs:names:services:gpconnect:fhir:'

/** The difference to a valid request for the metadata. */
export interface Difference {
  readonly method?: string
  readonly path?: string
  readonly interaction?: string
  readonly scope?: string
  readonly token?: TokenOverrides
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** No Content-Type besides that in `headers`. */
  readonly withoutType?: boolean
  /** Another service root. */
  readonly root?: { readonly path: string; readonly asid: string }
  readonly traceId?: string
  readonly connection?: 'close' | 'keep-alive'
}

/** The bytes of a request to the v1.2 root. */
export function goodRequest(difference: Difference = {}): Buffer {
  const { path, asid } = difference.root ?? ROOTS['v1.2']
  const { token } = makeToken(`${PUBLIC_URL}${path}`, {
    ...difference.token,
    set: { '/requested_scope': difference.scope ?? 'organization/*.read', ...difference.token?.set },
  })
  return requestBytes(
    difference.method ?? 'GET',
    `${path}${difference.path ?? '/metadata'}`,
    [
      ['Ssp-TraceID', difference.traceId ?? randomUUID()],
      ['Ssp-From', '200000000359'],
      ['Ssp-To', asid],
      ['Ssp-InteractionID', difference.interaction ?? `${BASE}rest:read:metadata-1`],
      ['Authorization', `Bearer ${token}`],
      ...(difference.body === undefined || difference.withoutType === true
        ? []
        : [['Content-Type', 'application/fhir+json'] as const]),
      ...Object.entries(difference.headers ?? {}),
    ],
    difference.body,
    difference.connection,
  )
}

/** A request for Patient/1. */
export const PATIENT: Difference = {
  path: '/Patient/1',
  interaction: `${BASE}rest:read:patient-1`,
  scope: 'patient/*.read',
}

/** The connection settings of a client of a practice. */
export function targetOf(
  port: number,
  pki: Pki,
  name: ClientName | 'none' = 'ssp-valid',
  tls: Target['tls'] = {},
): Target {
  return { port, ca: pki.caPem, credentials: pki.credentials(name), tls: { maxVersion: 'TLSv1.2', ...tls } }
}

/** Sends a valid request, or one with the given difference. */
export function ask(
  port: number,
  pki: Pki,
  difference: Difference = {},
  name: ClientName | 'none' = 'ssp-valid',
): Promise<Reply> {
  return exchange(targetOf(port, pki, name), goodRequest(difference))
}
