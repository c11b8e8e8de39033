/** Says what the command is doing: a line that is rewritten on a terminal, and plain lines elsewhere. */
import type { Writable } from 'node:stream'

/** What is being waited for. Dispose it at the end. */
export class Progress implements Disposable {
  readonly #stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  #timer: NodeJS.Timeout | undefined

  constructor(stderr: Writable) {
    this.#stderr = stderr
  }

  /**
   * Begins to wait, in place of what was waited for before. On a terminal the line is rewritten each second; elsewhere it is
   * printed after one second and then every five, or never if it is for terminals only.
   */
  waitFor(line: (seconds: number) => string, { terminalOnly = false } = {}): void {
    this.end()
    let seconds = 0
    if (this.#stderr.isTTY) this.#rewrite(line(0))
    this.#timer = setInterval(() => {
      seconds++
      if (this.#stderr.isTTY) this.#rewrite(line(seconds))
      else if (!terminalOnly && (seconds === 1 || seconds % 5 === 0)) this.#stderr.write(`${line(seconds)}\n`)
    }, 1000)
  }

  /** Prints a line that stays, and ends the wait. */
  note(line: string): void {
    this.end()
    this.#stderr.write(`${line}\n`)
  }

  [Symbol.dispose](): void {
    this.end()
  }

  /** Ends the wait: what follows may print. */
  end(): void {
    if (this.#timer === undefined) return
    clearInterval(this.#timer)
    this.#timer = undefined
    if (this.#stderr.isTTY) this.#stderr.write(CLEAR)
  }

  /** A line that is longer than the terminal is wide could not be rewritten. */
  #rewrite(line: string): void {
    this.#stderr.write(`${CLEAR}${line.slice(0, (this.#stderr.columns || 80) - 1)}`)
  }
}

/** A duration in words, rounded: `6 s`, `1 min 26 s`, `2 h 54 min`, `3 days 20 h`. */
export function inWords(seconds: number): string {
  const whole = Math.round(seconds)
  if (seconds < 10 && seconds !== whole) return `${seconds.toFixed(seconds < 1 ? 2 : 1)} s`
  const [days, hours, minutes] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
  ]
  if (days > 0) return parts([days, days === 1 ? 'day' : 'days'], [hours, 'h'])
  if (hours > 0) return parts([hours, 'h'], [minutes, 'min'])
  return minutes > 0 ? parts([minutes, 'min'], [whole % 60, 's']) : `${whole} s`
}

/** To the beginning of the line, and clear it. */
const CLEAR = '\r\u001b[K'

function parts(...values: readonly (readonly [number, string])[]): string {
  return values
    .filter(([number]) => number > 0)
    .map(([number, unit]) => `${number} ${unit}`)
    .join(' ')
}
