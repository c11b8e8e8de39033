/** Where the commands write: the streams of a process, which may be a terminal. */
import { createInterface } from 'node:readline'
import type { WriteStream } from 'node:tty'
import type { Environment } from '../config.ts'
import { hasColour } from './colour.ts'

/** Where a command writes, a line at a time. */
export interface Output {
  /** To standard output: results. */
  out(text: string): void
  /** To standard error: everything else. */
  error(text: string): void
  /** Columns of the terminal; absent: output goes to a program or a file. */
  readonly width?: number | undefined
  /** Whether results may be coloured. Default: no. */
  readonly colour?: boolean | undefined
  /** Asks the person at the terminal, and resolves with the answer; absent: there is none. */
  readonly ask?: ((question: string) => Promise<string>) | undefined
  /** Shows lines on standard output in place of those that it showed before; absent: output is no terminal. */
  readonly redraw?: ((text: string) => void) | undefined
  /** Shows one line on standard error in place of the one before, and removes it if there is none; absent: it is no terminal. */
  readonly progress?: ((line: string | undefined) => void) | undefined
  /** Aborted when nobody reads the results any more. */
  readonly closed?: AbortSignal | undefined
}

/** The streams of the process. `environment`: says whether there are colours. */
export function processOutput(environment: Environment): Output {
  const { stdin, stdout, stderr } = process
  const closed = new AbortController()
  // A reader such as `head` may leave early, and a terminal may be closed. What changes something is done to its end.
  stdout.on('error', () => closed.abort())
  stderr.on('error', () => undefined)
  return {
    out: (text) => stdout.write(`${text}\n`),
    error: (text) => stderr.write(`${text}\n`),
    get width() {
      return stdout.isTTY ? columnsOf(stdout) : undefined
    },
    colour: hasColour(stdout.isTTY, environment),
    ask: stdin.isTTY && stderr.isTTY ? askTerminal : undefined,
    redraw: stdout.isTTY ? redrawing(stdout) : undefined,
    progress: stderr.isTTY ? progressing(stderr) : undefined,
    closed: closed.signal,
  }
}

/** Some terminals, such as those of a container, say that they have no columns. */
function columnsOf({ columns }: WriteStream): number {
  return columns > 0 ? columns : 80
}

/** The cursor goes back over what was shown before, as many lines as that takes at the width of now. */
function redrawing(stream: WriteStream): (text: string) => void {
  let shown: readonly string[] = []
  return (text) => {
    const width = columnsOf(stream)
    const up = shown.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / width)), 0)
    // What has left the screen at the top cannot be replaced.
    const lines = text.split('\n').slice(0, Math.max(1, (stream.rows > 0 ? stream.rows : 24) - 1))
    stream.write(`${up > 0 ? `\x1b[${up}A` : ''}\r\x1b[J${lines.join('\n')}\n`)
    shown = lines.map((line) => line.replace(COLOUR, ''))
  }
}

function progressing(stream: WriteStream): (line: string | undefined) => void {
  return (line) => stream.write(`\r\x1b[2K${line === undefined ? '' : line.slice(0, columnsOf(stream) - 1)}`)
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: what begins a colour is one.
const COLOUR = /\x1b\[[\d;]*m/g

/** The end of the input is an empty answer. Ctrl-C ends the process, as nothing has been done. */
function askTerminal(question: string): Promise<string> {
  return new Promise((resolve) => {
    const lines = createInterface({ input: process.stdin, terminal: false })
    process.stderr.write(question)
    lines.once('line', (line) => {
      resolve(line)
      lines.close()
    })
    lines.once('close', () => {
      process.stdin.unref()
      resolve('')
    })
  })
}
