/** What the main thread and a thread with SQLite say to each other. */
import type { Engine } from './engine.ts'

/** A question to the thread. `open` comes first, with `EngineOptions`. */
export interface Question {
  readonly id: number
  readonly method: keyof Engine | 'open'
  readonly now: number
  readonly values: readonly unknown[]
}

/** Its answer. An error crosses by its parts: a thread cannot pass on its class. */
export type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: CrossedError }

/** An error of the store as it goes from one thread to the other: its codes are kept, its stack is not. */
export interface CrossedError {
  readonly name: string
  readonly message: string
  readonly code: string | undefined
  readonly errcode: number | undefined
}
