/** A thread with one connection to SQLite: it is asked by the name of a method and plain data. */
import * as sqlite from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { type Engine, type EngineOptions, openEngine } from './engine.ts'

/** A question to the thread. */
export interface Question {
  readonly id: number
  readonly method: keyof Engine
  readonly now: number
  readonly values: readonly unknown[]
}

/** Its answer. An error crosses by its parts: a thread cannot pass on its class. */
export type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: CrossedError }

export interface CrossedError {
  readonly name: string
  readonly message: string
  readonly code: string | undefined
  readonly errcode: number | undefined
}

/** The id of the answer that is sent without a question, once the database is open. */
export const OPENED = 0

const port = parentPort
if (port !== null) {
  const answer = (id: number, work: () => unknown) => {
    try {
      port.postMessage({ id, result: work() } satisfies Answer)
    } catch (error) {
      port.postMessage({ id, error: crossed(error) } satisfies Answer)
    }
  }
  let engine: Engine | undefined
  answer(OPENED, () => {
    engine = openEngine(sqlite, workerData as EngineOptions)
  })
  port.on('message', ({ id, method, now, values }: Question) => {
    answer(id, () => {
      if (engine === undefined) throw new Error('the database is not open')
      return (engine[method] as (now: number, ...values: unknown[]) => unknown)(now, ...values)
    })
    if (method === 'close') port.close()
  })
}

function crossed(error: unknown): CrossedError {
  if (!(error instanceof Error)) return { name: 'Error', message: 'unknown', code: undefined, errcode: undefined }
  const { name, message } = error
  const { code, errcode } = error as { code?: unknown; errcode?: unknown }
  return {
    name,
    message,
    code: typeof code === 'string' ? code : undefined,
    errcode: typeof errcode === 'number' ? errcode : undefined,
  }
}
