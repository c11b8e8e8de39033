/** Records of the audit trail: their contents, and how they are chained. */
import { hash } from 'node:crypto'

/** What is known about one transaction or refused connection. Null if it is not known. */
export interface AuditEntry {
  readonly timestamp: string
  /** `served` (below 400), `refused` (4xx, and connections), `failed` (5xx), `recovered` (a torn line was cut off). */
  readonly outcome: 'served' | 'refused' | 'failed' | 'recovered'
  readonly traceId: string | null
  readonly from: string | null
  readonly to: string | null
  readonly interactionId: string | null
  readonly userId: string | null
  readonly userName: string | null
  readonly userRole: string | null
  readonly organization: string | null
  readonly device: string | null
  readonly dataId: string | null
  readonly status: number | null
  readonly errorCode: string | null
}

/** An entry in its place in the chain. */
export interface AuditRecord extends AuditEntry {
  readonly sequence: number
  readonly previousHash: string
  readonly hash: string
}

/** Where a chain ends: the next record has the next sequence number and names this hash. */
export interface ChainEnd {
  readonly sequence: number
  readonly hash: string
}

/** The end of a chain that has no record yet. */
export const CHAIN_START: ChainEnd = { sequence: 0, hash: '0'.repeat(64) }

/** Chains an entry behind `end`: its line, without the line break, and the new end. */
export function sealEntry(entry: AuditEntry, end: ChainEnd): { readonly line: string; readonly end: ChainEnd } {
  const sequence = end.sequence + 1
  const unsealed = JSON.stringify({ sequence, ...entry, previousHash: end.hash })
  const digest = hash('sha256', unsealed, 'hex')
  return { line: `${unsealed.slice(0, -1)},"hash":"${digest}"}`, end: { sequence, hash: digest } }
}

/** Reads a line and checks it against its own hash; undefined when it is no record or was changed. */
export function openRecord(line: string): (ChainEnd & { readonly previousHash: string }) | undefined {
  let record: Partial<AuditRecord>
  try {
    record = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof record !== 'object' || record === null) return undefined
  const { hash: written, ...content } = record
  const { sequence, previousHash } = content
  if (!Number.isSafeInteger(sequence) || typeof written !== 'string' || typeof previousHash !== 'string')
    return undefined
  // The line itself has to be what JSON.stringify writes: two lines that parse to the same are not the same record.
  if (JSON.stringify({ ...content, hash: written }) !== line) return undefined
  if (hash('sha256', JSON.stringify(content), 'hex') !== written) return undefined
  return { sequence: Number(sequence), hash: written, previousHash }
}
