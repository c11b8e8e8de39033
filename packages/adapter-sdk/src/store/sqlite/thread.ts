/** A thread with one connection to SQLite: it is asked by the name of a method and plain data. */
import '../../../node-version.cjs'
import { parentPort } from 'node:worker_threads'
import { type Engine, type EngineOptions, openEngine } from './engine.ts'
import type { Answer, CrossedError, Question } from './messages.ts'

// Not imported: an old Node has no such module, and would say no more than that.
const sqlite = process.getBuiltinModule('node:sqlite')

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
    const { id } = question
    try {
      port.postMessage({ id, result: result(question) } satisfies Answer)
    } catch (error) {
      port.postMessage({ id, error: crossed(error) } satisfies Answer)
    }
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
