/** The main thread's side of a thread with SQLite: questions, answers, and its end. */
import { existsSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { AdapterError } from '../../errors.ts'
import { ownPackage, PACKAGE } from '../../package-folder.ts'
import type { Engine, EngineOptions } from './engine.ts'
import type { Answer, CrossedError, Question } from './messages.ts'

type Result<Method extends keyof Engine> = ReturnType<Engine[Method]>
type Values<Method extends keyof Engine> = Parameters<Engine[Method]> extends [number, ...infer Rest] ? Rest : never

/** A thread, which answers questions in the order in which they are asked. */
export interface Asked {
  /** Opens the database; the first question. Rejects with the error of SQLite. */
  open(options: EngineOptions): Promise<void>
  /** Runs a method in the thread. Rejects with the error of SQLite: its `code`, `errcode` and message. */
  ask<Method extends keyof Engine>(method: Method, now: number, ...values: Values<Method>): Promise<Result<Method>>
  /** Resolves when the thread has ended without being asked to. Everything that is asked from then on is rejected. */
  readonly lost: Promise<Error>
  close(): Promise<void>
}

/** Threads whose database is closed. */
const left: Worker[] = []

/**
 * Starts a thread. It starts while others do: questions wait until it is ready. `isReused`: where one has closed its
 * database, it opens this one, and it is left for others in the end: to start costs more than a small database.
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE: its code is not where it is looked for, in a bundle.
 */
export function startThread(name: string, isReused = false): Asked {
  const pending = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>()
  const { promise: lost, resolve: lose } = Promise.withResolvers<Error>()
  // No environment: the thread needs no secret. No options: what `--import` loads, such as instrumentation, would load twice.
  const options = { name, env: {}, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: 4 } }
  const worker = (isReused && leftThread()) || new Worker(threadFile(), options)
  worker.unref()
  let closing: Promise<void> | undefined
  let ended: Error | undefined
  let asked = 0

  const question = async (method: Question['method'], now: number, values: readonly unknown[]) => {
    if (ended !== undefined) throw ended
    asked += 1
    const id = asked
    return await new Promise<unknown>((resolve, reject) => {
      pending.set(id, { resolve, reject })
      // A thread that owes an answer keeps the process alive; one that waits for a question does not.
      worker.ref()
      worker.postMessage({ id, method, now, values } satisfies Question)
    })
  }
  const end = (cause: unknown) => {
    ended ??= new AdapterError('ERR_STORE_UNAVAILABLE', 'the thread of the store has ended; start the adapter again', {
      cause,
    })
    for (const { reject } of pending.values()) reject(ended)
    pending.clear()
    if (closing === undefined) lose(ended)
  }
  const answered = (answer: Answer) => {
    const waiting = pending.get(answer.id)
    pending.delete(answer.id)
    if (pending.size === 0) worker.unref()
    if ('error' in answer) waiting?.reject(uncrossed(answer.error))
    else waiting?.resolve(answer.result)
  }
  const exited = (status: number) => end(new Error(`exit status ${status}`))
  worker.on('message', answered).on('error', end).on('exit', exited)
  const leave = () => {
    if (ended !== undefined) return
    end('closed')
    worker.off('message', answered).off('error', end).off('exit', exited).on('error', ignore)
    left.push(worker)
  }

  return {
    lost,
    open: async (options) => void (await question('open', 0, [options])),
    ask: (method, now, ...values) => question(method, now, values) as never, // the thread runs the method of that name
    close() {
      closing ??= question('close', 0, [])
        .catch(() => undefined)
        .then(async () => void (isReused ? leave() : await worker.terminate()))
      return closing
    },
  }
}

function leftThread(): Worker | undefined {
  let worker = left.pop()
  // It has ended since.
  while (worker?.threadId === -1) worker = left.pop()
  return worker?.off('error', ignore)
}

function ignore(): void {}

/**
 * Beside this file. Where this file was bundled into another: `store-thread` beside that, or in the installed package.
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE: it is in neither.
 */
function threadFile(): URL {
  const [, extension] = /\/asked(\.[jt]s)$/.exec(import.meta.url) ?? []
  if (extension !== undefined) return new URL(`./thread${extension}`, import.meta.url)
  const beside = new URL(`./store-thread${extname(import.meta.url)}`, import.meta.url)
  if (existsSync(beside)) return beside
  const own = ownPackage()
  if (own !== undefined) return pathToFileURL(join(own.folder, 'dist/store/sqlite/thread.js'))
  throw new AdapterError(
    'ERR_STORE_UNAVAILABLE',
    `${basename(beside.pathname)} is not beside this bundle: bundle ${PACKAGE}/store-thread into it, or install ${PACKAGE}`,
  )
}

function uncrossed({ name, message, code, errcode }: CrossedError): Error {
  const error = new Error(message)
  error.name = name
  return Object.assign(error, { ...(code !== undefined && { code }), ...(errcode !== undefined && { errcode }) })
}
