/** What operators see of a submission: ids, states, codes and times. Never an answer, a name or a file. */

/** State of a submission. */
export type State = 'waiting' | 'running' | 'delivered' | 'dead' | 'discarded'

/** One submission in a list. Times are ISO 8601. */
export interface Entry {
  readonly id: string
  readonly submissionId: string
  readonly form: string
  readonly serviceSlug: string
  readonly state: State
  /** The case system may have acted. */
  readonly uncertain: boolean
  readonly code: string | null
  readonly reason: string | null
  readonly reference: string | null
  readonly attempts: number
  readonly files: number
  readonly missingFiles: number
  readonly receivedAt: string
  readonly changedAt: string
  /** Waiting: when it may be handed out. Running: when its lease ends. */
  readonly dueAt: string | null
  /** Uncertain: before this time the case system is not asked. */
  readonly settlesAt: string | null
  /** Attempts since it was last redriven that were lost with their process. */
  readonly losses: number
  /** Raised by every change. */
  readonly revision: number
}

/** One submission with its history. */
export interface DetailedEntry extends Entry {
  readonly timeline: readonly Moment[]
}

/** Something that happened to a submission. */
export interface Moment {
  readonly at: string
  readonly what: string
  readonly attempt: number | null
  readonly code: string | null
  readonly reason: string | null
  readonly by: string | null
}

/** Chooses submissions. All conditions must hold. */
export interface Filter {
  readonly state?: State | undefined
  readonly form?: string | undefined
  readonly code?: string | undefined
  /** Attempts have failed since it was last redriven, or none has: of waiting ones, what `Counts.retrying` counts. */
  readonly failed?: boolean | undefined
  readonly reason?: string | undefined
  /** A part of the reason, as it is written. */
  readonly reasonPart?: string | undefined
  readonly uncertain?: boolean | undefined
  /** submissionId or the id of a row, whole. */
  readonly id?: string | undefined
  /** The beginning of a submissionId. */
  readonly idPrefix?: string | undefined
  readonly reference?: string | undefined
  /** Ids of rows: one of these. */
  readonly ids?: readonly string[] | undefined
  readonly receivedAfter?: Date | undefined
  readonly receivedBefore?: Date | undefined
  /** At least so many. */
  readonly attempts?: number | undefined
  /** Look at one after the other by their receipt, and use no other index: for what many submissions match. */
  readonly byReceipt?: boolean | undefined
  /** Newest first; default 50, at most 1000. */
  readonly limit?: number | undefined
  readonly offset?: number | undefined
}

/** How many submissions are in which state, and how old the oldest waiting one is. Costs the same however many rows are kept. */
export interface Counts {
  readonly waiting: number
  readonly running: number
  /** Of the waiting ones: those of paused forms. */
  readonly paused: number
  readonly dead: number
  /** In total, including those that were forgotten since. */
  readonly delivered: number
  /** Seconds since the oldest waiting or running submission was received; 0 if there is none. What waits for a paused form is left out. */
  readonly oldestWaitingSeconds: number
  /** Waiting submissions that failed at least once. */
  readonly retrying: number
  /**
   * When the newest submission was accepted, in seconds since 1970. 0: it is forgotten, and none was accepted since. Null:
   * none ever was.
   */
  readonly lastAcceptedSeconds: number | null
  readonly deadByCode: Readonly<Record<string, number>>
}

/** Dead letters of one form with one code. */
export interface DeadGroup {
  readonly form: string
  readonly code: string
  readonly count: number
  /** Of these, how many may have reached the case system. */
  readonly uncertain: number
  /** When the oldest of them became a dead letter (ISO 8601). */
  readonly since: string
}

/** Dead letters of one form with one code and one reason, in words of this package. */
export interface DeadReason extends DeadGroup {
  readonly reason: string
}

/** What only the page of one submission shows. */
export interface Detail {
  /** In the order of the submission. Empty once they were erased. */
  readonly files: readonly FileEntry[]
  /** Ended: answers and files are gone. */
  readonly erased: boolean
  /** Attempts since it was accepted, replaced or redriven. */
  readonly attemptsSinceRedrive: number
  /** A person decided that it is to be handled, although it is uncertain. */
  readonly approved: boolean
  /** Id of its trace (W3C Trace Context), if the sender or the receiver gave it one. */
  readonly traceId: string | null
}

/** A file: its size in clear, or why it is missing. Never its name or id. */
export type FileEntry = { readonly bytes: number } | { readonly missing: string }

/** Submissions that are with their sender, because their files cannot be fetched, of one host and code. */
export interface WaitingForFiles {
  /** The entry of `ATTACHMENT_HOSTS`; null: the link points to no allowed host. */
  readonly host: string | null
  readonly code: string
  readonly count: number
  /** The first failed delivery of the oldest (ISO 8601), and how long ago that was by the store's clock. */
  readonly since: string
  readonly oldestSeconds: number
  /** The oldest of them, at most 5. */
  readonly submissionIds: readonly string[]
}

/** What happened in one hour, which starts at `hour` (ISO 8601). */
export interface Hour {
  readonly hour: string
  readonly accepted: number
  readonly delivered: number
  /** Became dead letters. */
  readonly dead: number
}

/** Something that a person did to a submission, or to a form: then `id` and `submissionId` are null. */
export interface Action {
  readonly at: string
  readonly action: string
  readonly by: string
  readonly reason: string | null
  readonly id: string | null
  readonly submissionId: string | null
  readonly form: string
}

/** A form that an adapter was started with, and how it is. */
export interface FormState {
  readonly name: string
  /** Whether it asks the case system about an uncertain submission before it handles it again. */
  readonly asksFirst: boolean
  /** Null: its submissions are handed out. */
  readonly paused: Pause | null
  /** When a submission of it was last delivered (ISO 8601, to some seconds); null: none was yet. */
  readonly lastDeliveredAt: string | null
  /** Attempts that have failed since then, or ever. */
  readonly failuresInARow: number
  /** The last attempt that failed: when (ISO 8601, to some seconds), and its code. Null: none has. */
  readonly lastFailure: { readonly at: string; readonly code: string } | null
}

/** A process that has checked in. Times are ISO 8601. */
export interface SeenProcess {
  readonly id: string
  readonly role: string
  readonly version: string
  readonly startedAt: string
  readonly seenAt: string
  /** Since it was last seen, by the store's clock. */
  readonly silentSeconds: number
}

/** Deliveries of one form that were refused with one code. */
export interface Refusal {
  readonly form: string
  readonly code: string
  readonly count: number
}

/** A pause of a form. `at`: ISO 8601. */
export interface Pause {
  readonly at: string
  readonly by: string
  readonly reason: string
}
