/** The audit trail: adds each record to the chain, and resolves when it is written. */
import { type AuditEntry, CHAIN_START, type ChainEnd, sealEntry } from './record.ts'

/** Where records are kept. `auditFile` is one; a team may bring its own. */
export interface AuditSink {
  /** Finds the end of the existing trail. Called once, and again after a failure. */
  open(): Promise<FoundTrail>
  /** Keeps whole lines, each ending in a line break: all of them or, when it rejects, none. Never called twice at once. */
  append(lines: string): Promise<void>
  /** Nothing is appended any more. */
  close(): Promise<void>
}

/** What a sink holds: undefined when nothing; `torn` when it had to cut off a line that was not written to its end. */
export interface FoundTrail {
  readonly end: ChainEnd | undefined
  readonly torn: boolean
}

/** What happens to an audit trail that operators need to know. */
export type AuditEvent =
  | { readonly type: 'audit.opened'; readonly sequence: number; readonly torn: boolean }
  | { readonly type: 'audit.failed'; readonly refused: number; readonly code: string }
  | { readonly type: 'audit.checkpoint'; readonly sequence: number; readonly hash: string }

interface Waiting {
  readonly entry: AuditEntry
  readonly kept: () => void
  readonly refused: (error: unknown) => void
}

/** How often the operational log gets the end of the chain, so that a cut end can be detected. */
const CHECKPOINT_MILLISECONDS = 60_000

/** Group commit: entries that arrive during a write are written together. */
export class AuditTrail {
  readonly #sink: AuditSink
  readonly #onEvent: (event: AuditEvent) => void
  #end: ChainEnd | undefined
  #waiting: Waiting[] = []
  #writing: Promise<void> | undefined
  #finding: Promise<ChainEnd> | undefined
  #failing = false
  #told = 0
  readonly #checkpoints: NodeJS.Timeout

  constructor(sink: AuditSink, onEvent: (event: AuditEvent) => void = () => {}) {
    this.#sink = sink
    this.#onEvent = onEvent
    this.#checkpoints = setInterval(() => this.#checkpoint(), CHECKPOINT_MILLISECONDS).unref()
  }

  /** Whether the last entries could not be written. Work with effects should not start now. */
  get failing(): boolean {
    return this.#failing
  }

  /** Resolves when the entry is kept; rejects when it is not, and then it is not in the trail. */
  append(entry: AuditEntry): Promise<void> {
    return new Promise((kept, refused) => {
      this.#waiting.push({ entry, kept, refused })
      this.#writing ??= this.#write()
    })
  }

  /** Finds the end of the trail now rather than with the first entry. A failure causes an event. */
  async open(): Promise<void> {
    if (this.#end === undefined) await this.#find().catch((error: unknown) => this.#fail([], error))
  }

  /** Writes waiting entries, then closes the sink. */
  async close(): Promise<void> {
    clearInterval(this.#checkpoints)
    while (this.#writing !== undefined) await this.#writing
    this.#checkpoint()
    await this.#sink.close()
  }

  async #write(): Promise<void> {
    // One turn of the event loop: requests that arrived together are written together.
    await new Promise(setImmediate)
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        let end = this.#end ?? (await this.#find())
        let lines = ''
        for (const { entry } of batch) {
          const sealed = sealEntry(entry, end)
          lines += `${sealed.line}\n`
          end = sealed.end
        }
        await this.#sink.append(lines)
        this.#end = end
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
    const { end = CHAIN_START, torn } = await this.#sink.open()
    let last = end
    if (torn) {
      const sealed = sealEntry(tornLine(), end)
      await this.#sink.append(`${sealed.line}\n`)
      last = sealed.end
    }
    this.#end = last
    this.#told = last.sequence
    this.#onEvent({ type: 'audit.opened', sequence: last.sequence, torn })
    return last
  }

  #fail(batch: readonly Waiting[], error: unknown): void {
    this.#failing = true
    this.#onEvent({ type: 'audit.failed', refused: batch.length, code: codeOf(error) })
    for (const { refused } of batch) refused(error)
  }

  #checkpoint(): void {
    if (this.#end === undefined || this.#end.sequence === this.#told) return
    this.#told = this.#end.sequence
    this.#onEvent({ type: 'audit.checkpoint', ...this.#end })
  }
}

/** The record that marks where a crash tore a line off. Its request was never answered. */
function tornLine(): AuditEntry {
  return {
    timestamp: new Date().toISOString(),
    outcome: 'recovered',
    traceId: null,
    from: null,
    to: null,
    interactionId: null,
    userId: null,
    userName: null,
    userRole: null,
    organization: null,
    device: null,
    dataId: null,
    status: null,
    errorCode: 'AUDIT_LINE_TORN',
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
