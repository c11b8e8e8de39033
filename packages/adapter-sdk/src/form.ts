/** One kind of submission: where it arrives, what its answers are, and what to do with it. */
import type { Readable } from 'node:stream'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Logger } from 'pino'

/** A kind of submission, as a team declares it. */
export interface Form<Schema extends StandardSchemaV1 = AsSent> {
  /** Path that the sender posts to, from the root: `/v2/complaint`. */
  readonly path: string
  /** Other paths that are answered the same. */
  readonly aliases?: readonly string[]
  /** Accepted `serviceSlug`s. Absent: any, because a renamed form changes its slug. */
  readonly services?: readonly string[]
  /** Any Standard Schema. Without it, the handler gets the answers as they were sent. */
  readonly answers?: Schema
  /**
   * Whether handling the same submission twice does no harm. `false`: an attempt with an unknown outcome (a crash, a
   * timeout, `UncertainError`) is confirmed, or becomes an uncertain dead letter. `'until-acting'`: the same, but only
   * after the handler has called `context.acting()`; an earlier crash is repeated. `true`: always repeated, also after
   * `UncertainError`; the submission then stays uncertain until it is delivered, so that a dead letter after the last retry says
   * that a case may exist. Absent: a crash or a timeout is repeated, `UncertainError` is confirmed or becomes a dead letter; each start
   * warns of it.
   */
  readonly repeatable?: boolean | 'until-acting'
  /** Time for one attempt, in seconds (1 to 3600, default 300). Then `signal` aborts. */
  readonly timeoutSeconds?: number
  /**
   * How long after an attempt an unknown outcome may be asked for with `confirm`, in seconds (1 to 3600): the case system may
   * still be working on a request that this process has given up. Default: `timeoutSeconds`.
   */
  readonly settleSeconds?: number
  /**
   * What an operator is to do about each code that the handler throws: shown beside the dead letters. A code that is not
   * named here is counted as `other` in the metrics, so that their number stays bounded.
   */
  readonly advice?: Readonly<Record<string, string>>
  /** Hands the submission to the case system. Resolving is success; nothing has to be acknowledged. */
  handle(submission: Submission<Answers<Schema>>, context: Context): Promise<Outcome | undefined> | Promise<void>
  /** Asks the case system whether an earlier attempt took effect: its outcome if it did, `undefined` if it did not. */
  confirm?(submission: Submission<Answers<Schema>>, context: Context): Promise<Outcome | undefined>
}

/** The schema of a form that has none: the answers are as sent and unchecked. */
export type AsSent = StandardSchemaV1<unknown, Readonly<Record<string, unknown>>>

/** The answers of a form, as its schema returns them. */
export type Answers<Schema extends StandardSchemaV1> = StandardSchemaV1.InferOutput<Schema>

/** What a handler receives: the submission as sent, its answers as the schema returns them. */
export interface Submission<Answers = Readonly<Record<string, unknown>>> {
  readonly serviceSlug: string
  /** UUID, stable over everything that the sender repeats. */
  readonly submissionId: string
  readonly submissionAnswers: Answers
}

/** What a handler may use. */
export interface Context {
  /** Counts every run of the handler for this submission from 1, also over redrives. */
  readonly attempt: number
  /**
   * Aborts when the attempt is given up: its time has run out, the process stops, or the attempt was lost to another
   * process. An error thrown after that is an unknown outcome as defined by `repeatable`, unless it is an `AdapterError`
   * with `retryable`.
   */
  readonly signal: AbortSignal
  /** When the submission was accepted first. */
  readonly receivedAt: Date
  /** The captured files, in the order of the submission. */
  readonly attachments: readonly Attachment[]
  /** Files that could not be captured; only after a person redrove the submission without them. */
  readonly missingAttachments: readonly { readonly filename: string | null; readonly code: string }[]
  /**
   * Call it right before the request that makes the case, in a form with `repeatable: 'until-acting'`: when it
   * resolves, the store has recorded that the case system may have acted.
   * @throws {AdapterError} ERR_ATTEMPT_LOST: another process has taken the submission over; send nothing.
   */
  acting(): Promise<void>
  /** Carries form, submissionId and attempt. Never log answers. */
  readonly log: Logger
  /** The reference that an earlier attempt of this submission returned, if one did. */
  readonly previousReference?: string
}

/** A captured file. */
export interface Attachment {
  readonly id: string
  /** `https://HOST/v1/attachments/<id>`: anyone with the link can read it for some days. */
  readonly url: string
  readonly filename: string | null
  readonly mimetype: string | null
  /** Size of the file in clear, in bytes. */
  readonly sizeBytes: number
  /**
   * The file in clear, decrypted while it is read. It breaks off before its end, with an `AdapterError` as the stream's error:
   * ERR_ATTACHMENT_NOT_FOUND (the sweep has removed it), ERR_ATTACHMENT_CORRUPT (it has changed since its capture).
   */
  stream(): Readable
  /**
   * The whole file in clear, at most `ATTACHMENT_LIMIT_BYTES` of memory. Each call reads it again.
   * @throws {AdapterError} ERR_ATTACHMENT_NOT_FOUND, ERR_ATTACHMENT_CORRUPT
   */
  bytes(): Promise<Uint8Array>
}

/** What a handler may return. */
export interface Outcome {
  /** The case system's id of the new case. Operators see it. */
  readonly reference?: string
}
