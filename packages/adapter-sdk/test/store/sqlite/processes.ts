/** Processes that accept into a store, for tests of what several of them, or the death of one, do to it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { until } from '../../until.ts'

/** A process that accepts, batch after batch. */
export interface Accepting {
  readonly pid: number
  /** What it has printed. */
  readonly lines: readonly string[]
  /** Ids of what was acknowledged, in their order. */
  accepted(): string[]
  /** Resolves when it has printed a line that begins like this, counted from `after`. */
  printed(start: string, after?: number): Promise<void>
  kill(signal?: NodeJS.Signals): Promise<void>
  readonly ended: Promise<unknown>
}

/** Starts one. `fileBytes`: no file of it may become larger. */
export function startAccepting(
  dataDir: string,
  { size = 16, batches = Number.POSITIVE_INFINITY, fileBytes = 0, umask = '077' } = {},
): Accepting {
  const limit = fileBytes > 0 ? `ulimit -S -f ${Math.floor(fileBytes / 1024)};` : ''
  const script = `umask ${umask}; ${limit} exec "$0" "$@"`
  const program = join(import.meta.dirname, 'accepting.ts')
  const child: ChildProcess = spawn(
    'bash',
    ['-c', script, process.execPath, program, dataDir, String(size), String(batches)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const lines: string[] = []
  let rest = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    const parts = `${rest}${chunk}`.split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
  })
  const ended = once(child, 'close')
  return {
    pid: child.pid as number,
    lines,
    ended,
    accepted: () => lines.flatMap((line) => (line.startsWith('accepted ') ? line.split(' ').slice(1) : [])),
    async printed(start, after = 0) {
      await until(() => {
        if (child.exitCode !== null) throw new Error(`the process has ended: ${lines.at(-1)}`)
        return lines.slice(after).some((line) => line.startsWith(start))
      })
    },
    async kill(signal = 'SIGKILL') {
      child.kill(signal)
      await ended
    },
  }
}
