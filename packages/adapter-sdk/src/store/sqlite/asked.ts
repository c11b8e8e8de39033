/** The main thread's side of a thread with SQLite: questions, answers, and its end. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Engine, EngineOptions } from './engine.ts'
import type { Answer, CrossedError, Question } from './thread.ts'

type Result<Method extends keyof Engine> = ReturnType<Engine[Method]>
type Values<Method extends keyof Engine> = Parameters<Engine[Method]> extends [number, ...infer Rest] ? Rest : never

/** An open thread. */
export interface Asked {
  /** Runs a method in the thread. Rejects with the error of SQLite: its `code`, `errcode` and message. */
  ask<Method extends keyof Engine>(method: Method, now: number, ...values: Values<Method>): Promise<Result<Method>>
  /** Resolves when the thread has ended without being asked to. */
  readonly lost: Promise<Error>
  close(): Promise<void>
}

/** Starts a thread; resolves when its database is open. @throws the error of SQLite. */
export async function startThread(options: EngineOptions): Promise<Asked> {
  const pending = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>()
  const { promise: lost, resolve: lose } = Promise.withResolvers<Error>()
  const worker = new Worker(threadFile(), {
    workerData: options,
    name: options.isReader ? 'store reader' : 'store writer',
  })
  let isClosing = false
  let last = 0

  const wait = (id: number) =>
    new Promise<unknown>((resolve, reject) => {
      pending.set(id, { resolve, reject })
    })
  const end = (reason: Error) => {
    for (const { reject } of pending.values()) reject(reason)
    pending.clear()
    if (!isClosing) lose(reason)
  }
  worker.on('message', (answer: Answer) => {
    const waiting = pending.get(answer.id)
    pending.delete(answer.id)
    if ('error' in answer) waiting?.reject(uncrossed(answer.error))
    else waiting?.resolve(answer.result)
  })
  worker.on('error', (error) => end(error instanceof Error ? error : new Error('the thread of the store failed')))
  worker.on('exit', () => end(new Error('the thread of the store has ended')))

  try {
    await wait(0)
  } catch (error) {
    isClosing = true
    await worker.terminate()
    throw error
  }
  return {
    lost,
    ask(method, now, ...values) {
      last += 1
      worker.postMessage({ id: last, method, now, values } satisfies Question)
      return wait(last) as ReturnType<Asked['ask']> as never
    },
    async close() {
      if (isClosing) return
      isClosing = true
      last += 1
      worker.postMessage({ id: last, method: 'close', now: 0, values: [] } satisfies Question)
      await wait(last).catch(() => undefined)
      await worker.terminate()
    },
  }
}

/** Beside this file; where that was bundled into another one, in the installed package. */
function threadFile(): URL {
  const beside = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url)
  if (existsSync(fileURLToPath(beside))) return beside
  return new URL(import.meta.resolve('@formbuilder/adapter-sdk/store-thread'))
}

function uncrossed({ name, message, code, errcode }: CrossedError): Error {
  const error = new Error(message)
  error.name = name
  return Object.assign(error, { ...(code !== undefined && { code }), ...(errcode !== undefined && { errcode }) })
}
