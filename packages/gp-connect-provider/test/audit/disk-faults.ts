/** Loaded before a provider: makes chosen calls to the disk fail, or kills the process in them, as `DISK_FAULTS` says. */
import fs from 'node:fs'
import { open } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

/** What happens at a call: the first ones have the number 1. */
export interface DiskFault {
  readonly call: 'record' | 'head' | 'flush'
  readonly at: number
  /** `half`: only a part is written, then the process is killed, or the disk is full. */
  readonly when: 'before' | 'half' | 'after'
  readonly what: 'kill' | 'full'
}

const faults = JSON.parse(process.env['DISK_FAULTS'] ?? '[]') as readonly DiskFault[]
const counts = { record: 0, head: 0, flush: 0 }
const writeSync = fs.writeSync as (...given: unknown[]) => number

fs.writeSync = ((file: number, data: string | Buffer, ...rest: unknown[]): number => {
  const text = data.toString()
  const call = text.startsWith('{"sequence":') ? 'record' : /^ *\d+:[0-9a-f]{64}\n$/.test(text) ? 'head' : undefined
  const fault = call && next(call)
  if (fault?.when === 'before') happen(fault)
  if (fault?.when === 'half') {
    writeSync(file, text.slice(0, -20), call === 'head' ? 0 : null)
    happen(fault)
  }
  const written = writeSync(file, data, ...rest)
  if (fault?.when === 'after') happen(fault)
  return written
}) as typeof fs.writeSync
syncBuiltinESMExports()

{
  await using handle = await open(import.meta.filename)
  const prototype = Object.getPrototypeOf(handle) as typeof handle
  const { datasync } = prototype
  prototype.datasync = async function (): Promise<void> {
    const fault = next('flush')
    if (fault?.when === 'before') happen(fault)
    await datasync.call(this)
    if (fault?.when === 'after') happen(fault)
  }
}

function next(call: DiskFault['call']): DiskFault | undefined {
  counts[call] += 1
  return faults.find((fault) => fault.call === call && fault.at === counts[call])
}

function happen({ what }: DiskFault): void {
  if (what === 'full') throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' })
  process.kill(process.pid, 'SIGKILL')
  // The signal may arrive a moment later, and nothing may be written until then.
  for (;;);
}
