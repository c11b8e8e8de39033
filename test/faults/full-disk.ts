/** Preloaded into an adapter process: while a certain file exists, the disk is full. */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const flag = process.env['FULL_DISK_WHILE'] ?? ''
const { existsSync, writeSync } = fs
const full = (descriptor: number) => descriptor > 2 && flag !== '' && existsSync(flag)

fs.writeSync = ((descriptor: number, ...rest: never[]) => {
  if (full(descriptor))
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', errno: -28 })
  return (writeSync as (descriptor: number, ...rest: never[]) => number)(descriptor, ...rest)
}) as typeof fs.writeSync
syncBuiltinESMExports()
