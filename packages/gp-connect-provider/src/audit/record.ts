/** The records of the audit trail, and the hash chain that links them. */
import { hash } from 'node:crypto'

/** One transaction or refused connection. Unknown values are null. */
export interface AuditEntry {
  readonly timestamp: string
  /**
   * `served` (below 400), `refused` (4xx, and connections), `failed` (5xx, or no answer), `recovered` (lines were removed),
   * `enabled` and `disabled` (a practice or a capability was switched).
   */
  readonly outcome: 'served' | 'refused' | 'failed' | 'recovered' | 'enabled' | 'disabled'
  readonly traceId: string | null
  readonly from: string | null
  readonly to: string | null
  readonly interactionId: string | null
  /** The SDS user id; of users without a smartcard, who send `UNK`, the id in `sub`. */
  readonly userId: string | null
  /** The id of the user in the consumer's own system. */
  readonly userLocalId: string | null
  /** The whole name: prefix, given names, family name and suffix. */
  readonly userName: string | null
  /** The SDS role profile id; in 0.x the code of the job role. */
  readonly userRole: string | null
  /** The ODS code. */
  readonly organization: string | null
  readonly organizationName: string | null
  readonly device: string | null
  /** The address of the client: the peer, or the one that a load balancer names in its PROXY header. */
  readonly address: string | null
  /** The addresses that proxies name in the Forwarded header. */
  readonly forwarded: string | null
  readonly dataId: string | null
  readonly status: number | null
  readonly errorCode: string | null
}

/** An entry of something other than a request that was read: all that a request would say is null. */
export function entryWithoutRequest(
  at: number,
  {
    outcome,
    status,
    errorCode,
    address = null,
  }: Pick<AuditEntry, 'outcome' | 'status' | 'errorCode'> & Partial<Pick<AuditEntry, 'address'>>,
): AuditEntry {
  return {
    timestamp: new Date(at).toISOString(),
    outcome,
    traceId: null,
    from: null,
    to: null,
    interactionId: null,
    userId: null,
    userLocalId: null,
    userName: null,
    userRole: null,
    organization: null,
    organizationName: null,
    device: null,
    address,
    forwarded: null,
    dataId: null,
    status,
    errorCode,
  }
}

/** An entry with its place in the chain. */
export interface AuditRecord extends AuditEntry {
  readonly sequence: number
  readonly previousHash: string
  readonly hash: string
}

/** The last record of a chain. The next one has the next sequence number, and this hash as its `previousHash`. */
export interface ChainEnd {
  readonly sequence: number
  readonly hash: string
}

/** The end of a chain without records. */
export const CHAIN_START: ChainEnd = { sequence: 0, hash: '0'.repeat(64) }

/** Appends an entry to the chain after `end`. Returns its line, without the line break, and the new end. */
export function sealEntry(entry: AuditEntry, end: ChainEnd): { readonly line: string; readonly end: ChainEnd } {
  const sequence = end.sequence + 1
  const unsealed = JSON.stringify({ sequence, ...entry, previousHash: end.hash })
  const digest = hash('sha256', unsealed, 'hex')
  return { line: `${unsealed.slice(0, -1)},"hash":"${digest}"}`, end: { sequence, hash: digest } }
}

/** The end of the chain after lines that `sealEntry` has written. */
export function endOfLines(lines: string): ChainEnd {
  const last = lines.lastIndexOf('\n', lines.length - 2) + 1
  const sequence = /^\{"sequence":(\d+),/.exec(lines.slice(last, last + 40))?.[1]
  return { sequence: Number(sequence), hash: lines.slice(-HASH_END, -HASH_END + 64) }
}

/** From the hash to the end of a line: `"}` and the line break follow it. */
const HASH_END = 64 + 3

/** Parses a line and checks its hash. Returns undefined if it is not a record or was changed. */
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
  // The text must be exactly what JSON.stringify writes, so that a change of spaces or a repeated member is detected too.
  if (JSON.stringify({ ...content, hash: written }) !== line) return undefined
  if (hash('sha256', JSON.stringify(content), 'hex') !== written) return undefined
  return { sequence: Number(sequence), hash: written, previousHash }
}
