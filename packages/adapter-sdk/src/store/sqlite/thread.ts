/** A thread with one connection to SQLite: it is asked by the name of a method and plain data. */
import '../../../node-version.cjs'
import { parentPort } from 'node:worker_threads'
import { type Engine, type EngineOptions, openEngine } from './engine.ts'

// Not imported: an old Node has no such module, and would say no more than that.
const sqlite = process.getBuiltinModule('node:sqlite')

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

const port = parentPort
if (port !== null) {
  let engine: Engine | undefined
  const result = ({ method, now, values }: Question): unknown => {
    if (method === 'open') {
      engine = openEngine(sqlite, values[0] as EngineOptions)
      return undefined
    }
    if (engine === undefined) throw new Error('the database is not open')
    return (engine[method] as (now: number, ...values: unknown[]) => unknown)(now, ...values)
  }
  port.on('message', (question: Question) => {
    const { id, method } = question
    try {
      port.postMessage({ id, result: result(question) } satisfies Answer)
    } catch (error) {
      port.postMessage({ id, error: crossed(error) } satisfies Answer)
    }
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
