/** The audit trail: adds each entry to the chain, and resolves when the entry is stored. */
import { tolerant } from '../listeners.ts'
import { type AuditEntry, CHAIN_START, type ChainEnd, entryWithoutRequest, sealEntry } from './record.ts'

/** Where records are stored. `auditFile` is one; a team can write its own. */
export interface AuditSink {
  /** Finds the end of the stored trail. Called once, and again after a failure. */
  open(): Promise<FoundTrail>
  /** Stores complete lines, each with its line break: all of them, or none if it rejects. Calls never overlap. */
  append(lines: string): Promise<void>
  /** What has happened to the stored lines since the last call. Called after each `append`. */
  takeNotices?(): readonly SinkNotice[]
  /** Called last: nothing is appended afterwards. */
  close(): Promise<void>
}

/**
 * What a sink has stored. `end` is undefined if it is empty; `torn` if the sink has removed an incomplete last line; `lost` if
 * records that it had stored are not there any more.
 */
export interface FoundTrail {
  readonly end: ChainEnd | undefined
  readonly torn: boolean
  readonly lost?: boolean
}

/** `cut`: lines of refused entries were removed again. `rotated`: the chain continues in a new file. */
export type SinkNotice = 'cut' | 'rotated'

/** Events of the audit trail, for operators. */
export type AuditEvent =
  | { readonly type: 'audit.opened'; readonly sequence: number; readonly torn: boolean }
  | { readonly type: 'audit.failed'; readonly refused: number; readonly code: string }
  | { readonly type: 'audit.checkpoint'; readonly sequence: number; readonly hash: string }

interface Waiting {
  readonly entry: AuditEntry
  readonly kept: () => void
  readonly refused: (error: unknown) => void
}

/** How often the end of the chain is emitted for the operational log, so that removed last records can be detected. */
const CHECKPOINT_MILLISECONDS = 60_000

/** Writes entries in batches: those that arrive during a write go into the next one together. */
export class AuditTrail {
  readonly #sink: AuditSink
  readonly #onEvent: (event: AuditEvent) => void
  #end: ChainEnd | undefined
  #waiting: Waiting[] = []
  #writing: Promise<void> | undefined
  #finding: Promise<ChainEnd> | undefined
  #failing = false
  /** Whether lines were cut, so that the next record has to say so. */
  #cut = false
  #checkpointed = 0
  readonly #checkpoints: NodeJS.Timeout

  constructor(sink: AuditSink, onEvent: (event: AuditEvent) => void = () => {}) {
    this.#sink = sink
    this.#onEvent = tolerant(onEvent)
    this.#checkpoints = setInterval(() => this.#checkpoint(), CHECKPOINT_MILLISECONDS).unref()
  }

  /** Whether the last entries could not be stored. Do not start work that has effects now. */
  get failing(): boolean {
    return this.#failing
  }

  /** Resolves when the entry is stored. If it rejects, the entry is not in the trail. */
  append(entry: AuditEntry): Promise<void> {
    return new Promise((kept, refused) => {
      this.#waiting.push({ entry, kept, refused })
      this.#writing ??= this.#write()
    })
  }

  /** Finds the end of the trail now instead of with the first entry. A failure is emitted as an event. */
  async open(): Promise<void> {
    if (this.#end === undefined) await this.#find().catch((error: unknown) => this.#fail([], error))
  }

  /** Stores the waiting entries, then closes the sink. */
  async close(): Promise<void> {
    clearInterval(this.#checkpoints)
    while (this.#writing !== undefined) await this.#writing
    this.#checkpoint()
    await this.#sink.close()
  }

  async #write(): Promise<void> {
    // Wait for one turn of the event loop, so that entries of simultaneous requests are written together.
    await new Promise(setImmediate)
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        const start = this.#end ?? (await this.#find())
        const entries = batch.map(({ entry }) => entry)
        if (this.#cut) entries.unshift(recovered('AUDIT_LINES_CUT'))
        this.#end = await this.#store(entries, start)
        this.#failing = false
        for (const { kept } of batch) kept()
      } catch (error) {
        this.#fail(batch, error)
      }
    }
    this.#writing = undefined
  }

  #find(): Promise<ChainEnd> {
    this.#finding ??= this.#findEnd().finally(() => {
      this.#finding = undefined
    })
    return this.#finding
  }

  async #findEnd(): Promise<ChainEnd> {
    const { end = CHAIN_START, torn, lost = false } = await this.#sink.open()
    const entries = [
      ...(torn ? [recovered('AUDIT_LINE_TORN')] : []),
      ...(lost ? [recovered('AUDIT_RECORDS_LOST')] : []),
    ]
    const last = entries.length === 0 ? end : await this.#store(entries, end)
    this.#end = last
    this.#onEvent({ type: 'audit.opened', sequence: last.sequence, torn })
    if (last.sequence > 0) this.#emitHead(last)
    return last
  }

  /** Stores entries after `start`. Resolves to the new end of the chain. */
  async #store(entries: readonly AuditEntry[], start: ChainEnd): Promise<ChainEnd> {
    let end = start
    let lines = ''
    for (const entry of entries) {
      const sealed = sealEntry(entry, end)
      lines += `${sealed.line}\n`
      end = sealed.end
    }
    let notices: readonly SinkNotice[] = []
    try {
      await this.#sink.append(lines)
      this.#cut = false
    } finally {
      notices = this.#sink.takeNotices?.() ?? []
      if (notices.includes('cut')) this.#cut = true
      if (notices.includes('rotated')) this.#emitHead(start)
    }
    return end
  }

  #fail(batch: readonly Waiting[], error: unknown): void {
    this.#failing = true
    this.#onEvent({ type: 'audit.failed', refused: batch.length, code: codeOf(error) })
    for (const { refused } of batch) refused(error)
  }

  #checkpoint(): void {
    if (this.#end === undefined || this.#end.sequence === this.#checkpointed) return
    this.#emitHead(this.#end)
  }

  #emitHead(end: ChainEnd): void {
    this.#checkpointed = end.sequence
    this.#onEvent({ type: 'audit.checkpoint', sequence: end.sequence, hash: end.hash })
  }
}

/** The record of a repair. The requests of removed lines were never answered as the lines said. */
function recovered(errorCode: string): AuditEntry {
  return entryWithoutRequest(Date.now(), { outcome: 'recovered', status: null, errorCode })
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
