/** What the store hands out for one attempt, and how that attempt ended. */
import type { Failure } from '../failure.ts'
import type { StoredFile } from '../files/capture.ts'

/** A submission handed out for one attempt. */
export interface Claim {
  readonly id: string
  readonly form: string
  readonly submissionId: string
  readonly jwe: string
  readonly files: readonly StoredFile[]
  readonly attempt: number
  /** Attempts since it was accepted, replaced or redriven, this one included. */
  readonly attemptsSinceRedrive: number
  /** Attempts since it was accepted, replaced or redriven that were lost with their process. */
  readonly losses: number
  /** An earlier attempt may have reached the case system: confirm, or ask a person. */
  readonly uncertain: boolean
  /** A person has looked and decided that it is to be handled again. */
  readonly approved: boolean
  readonly receivedAt: Date
  readonly previousReference: string | null
  readonly traceparent: string | null
  /** When it was due: `release` gives it back with the same time. */
  readonly dueAt: Date
  /** Of the row: what is given back and claimed again has the same number of attempts, and another revision. */
  readonly revision: number
}

/** How an attempt ended. `reason` names fields, never values. */
export type Ending =
  | { readonly outcome: 'delivered'; readonly reference: string | null; readonly confirmed: boolean }
  | {
      readonly outcome: 'retry'
      readonly code: string
      readonly reason: string
      /** Whether `reason` is in our words, and so may be logged. */
      readonly ours?: boolean
      readonly delaySeconds: number
      readonly uncertain: boolean
      /** This attempt left its outcome unknown: seconds from now before the case system may be asked about it. */
      readonly settleSeconds?: number | undefined
      readonly reference?: string | undefined
      /** What is known of the error that the handler threw. Not stored: `reason` says it in words. */
      readonly failure?: Failure | undefined
    }
  | {
      readonly outcome: 'dead'
      readonly code: string
      readonly reason: string
      /** Whether `reason` is in our words, and so may be logged. */
      readonly ours?: boolean
      readonly uncertain: boolean
      /** As for a retry. */
      readonly settleSeconds?: number | undefined
      readonly reference?: string | undefined
      /** What is known of the error that the handler threw. Not stored: `reason` says it in words. */
      readonly failure?: Failure | undefined
    }

/** When a process that dies leaves the outcome unknown: never, from `context.acting()` on, or as soon as the attempt began. */
export type Loss = 'repeatable' | 'uncertain-if-acting' | 'uncertain'
