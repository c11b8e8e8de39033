/** What a process asks of its disk, as strace writes it down, in the order in which it came about. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Whether this machine has strace, and lets it work. */
export const hasStrace = spawnSync('strace', ['-D', '-o', '/dev/null', 'true']).status === 0

/** What is put in front of a command to trace it. The process stays the child of its parent. */
export function tracing(file: string): string[] {
  return ['strace', '-D', '-f', '-y', '-s', '40', '-e', 'trace=fsync,fdatasync,pwrite64,write,writev', '-o', file]
}

/** One call that has ended: its name, the path or socket it was about, and the beginning of what it wrote. */
export interface Call {
  readonly name: string
  readonly path: string
  readonly text: string
}

export function readTrace(file: string): Call[] {
  const unfinished = new Map<string, Call>()
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
      if (rest.startsWith('<... ')) {
        const call = unfinished.get(thread)
        unfinished.delete(thread)
        return call === undefined ? [] : [call]
      }
      const [, name, path, text] = /^(\w+)\(\d+<(.*?)>(.*)$/.exec(rest) ?? []
      if (name === undefined || path === undefined || text === undefined) return []
      const call = { name, path, text }
      if (!rest.endsWith('<unfinished ...>')) return [call]
      unfinished.set(thread, call)
      return []
    })
}
