/** What every store promises: submissions, their queue and their history, behind one interface. */
import type { StoredFile } from '../files/capture.ts'
import type { FileStore } from '../files/file-store.ts'
import type { Claim, Ending, Loss } from './claim.ts'
import type {
  Action,
  Counts,
  DeadGroup,
  DeadReason,
  Detail,
  Entry,
  Filter,
  FormState,
  Hour,
  Moment,
  Refusal,
  SeenProcess,
  WaitingForFiles,
} from './entry.ts'
import type { Accepted, Incoming } from './submission.ts'

/**
 * Each method is one transaction: a batch is written whole or not at all, and durably when it resolves. Rejects with the
 * error of the driver; callers decide what that means. Batches of a few hundred rows keep writes short.
 */
export interface Store extends Accepting, Delivering, Operating, Sweeping, KnowingKeys, CheckingIn {
  readonly kind: 'sqlite' | 'postgres'
  /** Captured files: a folder beside SQLite, tables in PostgreSQL. */
  readonly files: FileStore
  /** Resolves when the store can be written to. */
  check(): Promise<void>
  /** Resolves with the reason when the store has failed for good and the process has to exit. */
  readonly lost: Promise<Error>
  /** Records the forms of an adapter that starts, for programs that do not have them. Forms that are gone stay. */
  recordForms(forms: readonly KnownForm[]): Promise<void>
  /** Closes the store. What was asked before is answered first. */
  close(): Promise<void>
}

/** What the receiver may do. */
export interface Accepting {
  /**
   * Holds submissions; one result for each, in their order. A submission with a missing file becomes a dead letter
   * (ERR_ATTACHMENT_MISSING); every other one waits and is due at once. A dead letter whose outcome is known is replaced by
   * a new copy that has all the files that it lists, or, if files of the letter are missing too, by one that has each file
   * that the letter has. A copy with a file missing that does not replace one is noted in its history. Each result clears
   * the count of failed deliveries: the sender is done.
   * @throws {AdapterError} ERR_STORE_UNAVAILABLE, retryable: a file was given up while it was captured. Nothing is written.
   */
  accept(submissions: readonly Incoming[]): Promise<readonly Accepted[]>
  /** Whether a copy would be a duplicate for certain, whatever files it brings. `id`: of the row. */
  isHeld(id: string): Promise<boolean>
  /**
   * Counts a delivery whose files could not be captured, from the first one on. What was counted before the submission last
   * changed is over. A clock that jumps back moves the first delivery to the time that it shows now.
   */
  countFailedDelivery(failed: FailedDelivery): Promise<FailedDeliveries>
}

/** The failed deliveries of a submission. */
export interface FailedDeliveries {
  readonly count: number
  readonly firstAt: Date
  /** From the first to this one, by the store's clock. */
  readonly sinceFirstSeconds: number
}

/** A delivery of the sender whose files could not be captured. */
export interface FailedDelivery {
  readonly form: string
  readonly submissionId: string
  /** The entry of `ATTACHMENT_HOSTS` that allows the file link; null where none does. */
  readonly host: string | null
  readonly code: string
}

/** What the worker may do. */
export interface Delivering {
  /**
   * Settles what ended and claims what is due, in one transaction: each claim goes to one caller only. Nothing of a paused form
   * is claimed.
   */
  turn(turn: Turn): Promise<Claim[]>
  /** Running attempts whose lease has run out. */
  overdue(): Promise<Overdue[]>
  /** Ends those attempts that are still as they were seen. Returns those, with the state they are in now. */
  endLost(lost: readonly LostAttempt[]): Promise<Lost[]>
  /** Records that the case system may act from here on. False: the attempt is no longer the caller's; nothing may be sent. */
  acting(claims: readonly ClaimRef[]): Promise<readonly boolean[]>
  /** Extends the lease. False: the attempt is no longer the caller's. */
  renew(claims: readonly ClaimRef[], leaseSeconds: number): Promise<readonly boolean[]>
  /** Gives back what was claimed and never begun, as it was before the claim. */
  release(claims: readonly Claim[]): Promise<void>
  /** Calls back, until closed, when something may be due. May miss some: poll as well. */
  onDue(wake: () => void): Promise<Listening>
}

/** Calls back until it is closed. */
export interface Listening {
  /** Ends the callbacks. */
  close(): Promise<void>
}

/** One attempt of one submission. */
export type ClaimRef = Pick<Claim, 'id' | 'attempt'>

/** What the worker wants of the store in one round trip. */
export interface Turn {
  readonly settle: readonly Settled[]
  readonly claim: readonly Wanted[]
  readonly leaseSeconds: number
}

/** How an attempt ended. Only an attempt that is still the caller's counts; a success counts whichever attempt it comes from. */
export interface Settled {
  readonly claim: ClaimRef
  readonly ending: Ending
}

/** How many submissions of a form a worker can start. The longest due come first. */
export interface Wanted {
  readonly form: string
  /** Of those that were never lost. */
  readonly most: number
  /** Of those that were lost before. */
  readonly suspects: number
}

/** An attempt whose lease has run out. */
export interface Overdue extends ClaimRef {
  readonly form: string
  readonly submissionId: string
  readonly attemptsSinceRedrive: number
  readonly losses: number
  /** When the lease ran out: a lease that was renewed since has another time. */
  readonly dueAt: Date
}

/** What the loss of an attempt means. */
export interface LostAttempt {
  readonly seen: Overdue
  readonly loss: Loss
  /** Whether an uncertain attempt needs no person: the form can ask the case system, or repeating does no harm. */
  readonly canConfirm: boolean
  readonly delaySeconds: number
  /** How long after the attempt was last known alive its outcome may be asked for: `leaseSeconds` before it ran out. */
  readonly settleSeconds: number
  readonly leaseSeconds: number
  /** So many losses make it a dead letter, ERR_ATTEMPT_LOST. */
  readonly mostLosses: number
}

/** A lost attempt, and what became of its submission. */
export interface Lost extends ClaimRef {
  readonly form: string
  readonly submissionId: string
  readonly state: 'waiting' | 'dead'
  readonly uncertain: boolean
  readonly losses: number
  readonly code: string
}

/** A form that an adapter was started with. */
export interface KnownForm {
  readonly name: string
  /** Whether it asks the case system about an uncertain submission before it handles it again. */
  readonly asksFirst: boolean
}

/** What operators may see and do: never an answer, a name or a file. */
export interface Operating {
  /** Those that adapters recorded, by name, and how they are. */
  forms(): Promise<FormState[]>
  /**
   * Pauses a form, on record: from now on no process claims a submission of it, and they are accepted as before. Attempts that
   * run go on. `already`: it is paused, and stays as it was paused first.
   */
  pause(form: string, by: string, reason: string): Promise<Paused>
  /** Ends a pause, on record: what is due is claimed at once. `already`: the form is not paused. */
  resume(form: string, by: string, reason: string | null): Promise<Paused>
  /** What any kept submission has, or had. Reads all that is kept: for messages about mistakes. */
  mentioned(reason?: string): Promise<Mentioned>
  /** What is in a state, a step at a time, each row once however many there are and whatever is moved between two steps. */
  walk(state: WalkState, filter: Filter, step: Step): Promise<Walked>
  /** Newest first. */
  list(filter: Filter, page: Page): Promise<Entry[]>
  /** How many `list` would return without a limit. Counts no further than `most`. */
  count(filter: Filter, most?: number): Promise<number>
  /** When the submission was received after which so many were received before this time. Null: there are fewer. */
  receivedBehind(newer: number, before?: Date): Promise<Date | null>
  /** What matches, newest first, a step at a time: a step looks at `limit` rows, and may find nothing. Each row once. */
  scan(filter: Filter, step: Pick<Step, 'limit' | 'after'>): Promise<Scanned>
  /** What only the page of one shows; undefined: there is none with this id of a row. */
  detail(id: string): Promise<Detail | undefined>
  /** All that happened to a submission, oldest first. */
  history(id: string): Promise<Moment[]>
  /** How many submissions are in which state now. */
  counts(): Promise<Counts>
  /** Dead letters by form and code, most numerous first. */
  deadGroups(): Promise<DeadGroup[]>
  /** Dead letters by form, code and reason, most numerous first, where the reason is in our words. */
  deadReasons(most: number): Promise<DeadReason[]>
  /** What is still with its sender because its files cannot be fetched, by host and code, most numerous first. */
  waitingForFiles(): Promise<WaitingForFiles[]>
  /** The last hours, oldest first, the current one last. `form`: only what happened to submissions of it. */
  hours(count: number, form?: string): Promise<Hour[]>
  /** Deliveries that were refused in the last hours, most numerous first. `hours`: the current one counts. */
  refusals(hours: number): Promise<Refusal[]>
  /** Processes that were seen within the last hour and have not stopped, the one that started first, first. */
  processes(): Promise<SeenProcess[]>
  /** What people did, newest first. */
  actions(page: Page): Promise<Action[]>
  /**
   * Puts dead letters back into the queue. An uncertain one is not due before its outcome may be asked for. What has changed
   * since it was shown, and what is no dead letter, is left out. `approved` (default true): a person decided that uncertain
   * ones are handled even if their form cannot ask the case system; without it such a form makes dead letters of them again.
   */
  redrive(chosen: Chosen, by: string, reason: string | null, approved?: boolean): Promise<Moved[]>
  /** Ends dead letters. */
  discard(chosen: Chosen, by: string, reason: string): Promise<Moved[]>
  /** Makes what waits for a retry due now; an uncertain one not before its outcome may be asked for. */
  retryNow(chosen: Chosen, by: string, reason: string | null): Promise<Moved[]>
}

/** Whether a form was paused or resumed. `unknown`: no adapter has recorded such a form. */
export type Paused = 'done' | 'already' | 'unknown'

/** Forms, error codes and reasons of attempts, each once and in order. */
export interface Mentioned {
  readonly forms: readonly string[]
  readonly codes: readonly string[]
  /** There may be as many as submissions: some of them, and the one that was asked for if it is there. */
  readonly reasons: readonly string[]
}

/** A page of a list. `limit`: 1 to 1000. */
export interface Page {
  readonly limit: number
  readonly offset: number
}

/** States that actions are for. */
export type WalkState = 'dead' | 'waiting'

/** One step of a walk. */
export interface Step {
  /** 1 to 1000. */
  readonly limit: number
  /** Where the step before ended; null at the start. */
  readonly after: Position | null
  /** Only what has not changed since: `latest` of an earlier walk. */
  readonly until?: number | undefined
}

/** Where a walk is: the store alone reads it. */
export type Position = readonly (string | number)[]

/** What a step found. */
export interface Walked {
  readonly entries: readonly Entry[]
  /** Where to go on; null: that was all. */
  readonly next: Position | null
  /** When the last of the entries changed, in the store's own unit and by its own clock; 0: there are none. */
  readonly latest: number
}

/** What a step of a scan found, and where to go on; null: that was all. */
export type Scanned = Pick<Walked, 'entries' | 'next'>

/** Entries as they were shown: a submission that has changed since has another revision. At most 500. */
export type Chosen = readonly { readonly id: string; readonly revision: number }[]

/** A submission that an action moved. */
export interface Moved {
  readonly id: string
  readonly form: string
  readonly submissionId: string
  readonly uncertain: boolean
  /** When it may be handed out (ISO 8601); null when it was discarded. */
  readonly dueAt: string | null
}

/** What every process says of itself now and then. */
export interface CheckingIn {
  /**
   * Records that a process is there, and what has happened in it since it last checked in. Processes that have not been seen for
   * an hour are forgotten.
   */
  checkIn(process: OwnProcess, since: Happened): Promise<void>
  /** Forgets a process, because it stops. */
  checkOut(id: string): Promise<void>
}

/** A process, as it says. `id`: a UUID of its own, new with each start. */
export interface OwnProcess {
  readonly id: string
  readonly role: string
  readonly version: string
}

/** What has happened in a process. */
export interface Happened {
  /** How attempts of each form ended: whether one was delivered, and how many have failed since the last that was. */
  readonly ended: readonly {
    readonly form: string
    readonly wasDelivered: boolean
    readonly failures: number
    /** Of the last that failed; null: none has. */
    readonly code: string | null
  }[]
  /** Deliveries that were refused. Forms and codes of a closed set: each pair is a row an hour. */
  readonly refused: readonly Refusal[]
}

/** What is known of keys, by their ids. Never a key. */
export interface KnowingKeys {
  /** Made with the store, for the ids of its keys: 32 hexadecimal digits. */
  keySalt(): Promise<string>
  /** Records that keys were used now. */
  useKeys(uses: readonly KeyUse[]): Promise<void>
  /** When each key was used, by the store's clock. */
  keyUses(): Promise<KeyUses>
  /** What needs each key. Reads every submission that has not been erased: for people, and now and then. */
  keyNeeds(): Promise<readonly KeyNeed[]>
}

/** A use of a form's key: a submission was received with it, or was decrypted to be delivered. */
export interface KeyUse {
  readonly form: string
  readonly keyId: string
  readonly what: 'receive' | 'deliver'
}

/** Uses of keys, and the time it is. */
export interface KeyUses {
  readonly now: Date
  readonly uses: readonly (KeyUse & { readonly firstAt: Date; readonly lastAt: Date })[]
}

/** How many submissions of a form were encrypted with a key. */
export interface KeyNeed {
  readonly form: string
  readonly keyId: string
  /** Waiting or running. */
  readonly waiting: number
  readonly dead: number
  /** Delivered or discarded; the answers, and the keys of the files, are still there. */
  readonly kept: number
}

/** What downloads and the sweep may do. Each call is one short transaction. */
export interface Sweeping {
  /** The submission that a captured file belongs to. */
  ownerOf(fileId: string): Promise<Owner | undefined>
  /** Up to `most` submissions that ended so many seconds ago and still have their JWE or files. */
  erasable(
    endedSeconds: number,
    most: number,
  ): Promise<readonly { readonly id: string; readonly files: readonly string[] }[]>
  /** Erases the JWE of ended submissions, and forgets their files. Remove the bytes first. */
  erase(ids: readonly string[]): Promise<void>
  /** Forgets what is old, up to `most` rows of each kind. Returns how many of each; fewer than `most` of all: nothing is left. */
  forget(ages: Ages, most: number): Promise<Forgotten>
  /**
   * Marks files without an owner as given up, and returns those: from then on no submission with such a file is accepted,
   * and only then may the bytes be removed.
   */
  giveUp(fileIds: readonly string[]): Promise<string[]>
  /** How many dead letters nobody has decided on for so many seconds. */
  oldDeadLetters(seconds: number): Promise<number>
}

/** Whose file it is, and what decrypts it. `jwe`: null once it was erased. */
export interface Owner {
  readonly form: string
  readonly submissionId: string
  readonly jwe: string | null
  readonly files: readonly StoredFile[]
}

/** Ages in seconds by the store's clock, after which a kind of row is forgotten. */
export interface Ages {
  /** Delivered or discarded submissions whose JWE was erased, since they ended. */
  readonly endedSeconds: number
  /** Failed deliveries, since the last one. */
  readonly failedDeliverySeconds: number
  /** Hours, which are then added to what was counted ever. */
  readonly hourSeconds: number
  /** Marks of files that were given up. */
  readonly givenUpSeconds: number
}

/** How many rows were forgotten. */
export interface Forgotten {
  readonly submissions: number
  readonly failedDeliveries: number
  readonly hours: number
  readonly givenUp: number
}

/** What a store is opened with. */
export interface OpenOptions {
  /** A start brings the tables to this version; everything else refuses a store of another version by name. */
  readonly migrate: boolean
  /** A time that is further ahead than this counts as past: a clock that jumps back must not hide work. */
  readonly horizonSeconds: number
  /** SQLite: how long an action of a person waits while other processes write. Default: as long as every other write. */
  readonly busySeconds?: number | undefined
  /** The time of each statement. Default: the store's own clock. */
  readonly now?: (() => Date) | undefined
  /** Called for failures that no caller is told of, such as an idle connection that breaks. */
  readonly onFailure?: ((during: string, error: unknown) => void) | undefined
}
