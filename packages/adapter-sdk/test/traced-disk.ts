/** Preloaded into an adapter process: notes every sync of the database's log, with the submissions that it held by then; fails as told. */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { isMainThread } from 'node:worker_threads'

const { fdatasyncSync, openSync, closeSync, writeSync, existsSync } = fs
const paths = new Map<number, string>()
const trace = process.env['DISK_TRACE']
const dieWhile = process.env['DATABASE_DIES_WHILE']
const fullWhile = process.env['DISK_FULL_WHILE']

fs.openSync = ((path: string, ...rest: never[]) => {
  const descriptor = (openSync as (path: string, ...rest: never[]) => number)(path, ...rest)
  paths.set(descriptor, String(path))
  return descriptor
}) as typeof fs.openSync

fs.closeSync = (descriptor) => {
  paths.delete(descriptor)
  closeSync(descriptor)
}

fs.fdatasyncSync = (descriptor) => {
  const path = paths.get(descriptor) ?? ''
  const began = Number(process.hrtime.bigint())
  // What is in the file before the call is what the call brings to the disk.
  const submissions = path.includes('pg_wal/0') ? named(fs.readFileSync(path)) : undefined
  fdatasyncSync(descriptor)
  const ended = Number(process.hrtime.bigint())
  if (trace !== undefined && submissions !== undefined) {
    fs.appendFileSync(trace, `${JSON.stringify({ began, ended, submissions })}\n`)
  }
}

fs.writeSync = ((descriptor: number, ...rest: never[]) => {
  if (!isMainThread && dieWhile !== undefined && existsSync(dieWhile)) process.exit(1) // ends the thread only
  if (!isMainThread && fullWhile !== undefined && existsSync(fullWhile)) {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', errno: -28 })
  }
  return (writeSync as (descriptor: number, ...rest: never[]) => number)(descriptor, ...rest)
}) as typeof fs.writeSync
syncBuiltinESMExports()

/** The submissions of the test have ids that begin alike. */
function named(bytes: Buffer): string[] {
  const found = new Set<string>()
  for (let at = bytes.indexOf('durable-'); at !== -1; at = bytes.indexOf('durable-', at + 1)) {
    found.add(bytes.toString('latin1', at, at + 10))
  }
  return [...found]
}
