/** Standard output for the log, a turn of the event loop at a time. It waits for no reader: lines beyond a bound are dropped and counted. */
import pino from 'pino'

/** Where the log goes. There is one per process, as there is one standard output. */
export interface StandardOutput {
  /**
   * Writes a line at the end of this turn of the event loop, together with the others of the turn. So only a process that is
   * killed loses lines: those of one turn. A process that exits, also after an error, writes them first.
   */
  write(line: string): void
  /** How many lines were dropped since the process started. */
  readonly dropped: number
  /** Has `report` called with the number of lines that were dropped, once the reader reads again. Returns what ends that. */
  onDropped(report: (lines: number) => void): () => void
}

/** Bytes that are kept for a reader that stalls; the system keeps some more. */
export const KEPT_BYTES = 262_144

let output: StandardOutput | undefined

/** The standard output of this process. It must not be written to in another way that waits. */
export function standardOutput(): StandardOutput {
  output ??= open()
  return output
}

function open(): StandardOutput {
  doNotBlock()
  const reports = new Set<(lines: number) => void>()
  let dropped = 0
  let reported = 0
  let isBlocked = false
  let lastWordsUntil = 0
  let isRetrying = false
  let isExiting = false
  let turn: string[] = []
  // Synchronous, because a buffered line would be lost when the process exits, and with it the reason for the exit.
  const destination = pino.destination({
    dest: 1,
    sync: true,
    maxLength: KEPT_BYTES,
    // pino would sleep until the reader has read, and nothing else would run. Only the last words are worth a sleep.
    retryEAGAIN: () => performance.now() < lastWordsUntil,
  })
  // pino's own listener would make the first error that is not about a reader that is gone end the process.
  destination.removeAllListeners('error')
  destination.on('error', () => {
    isBlocked = true
    retryLater()
  })
  destination.on('drop', (lines: string) => {
    dropped += lines.split('\n').length - 1
    retryLater()
  })
  process.on('exit', () => {
    isExiting = true
    writeTurn()
    lastWordsUntil = performance.now() + LAST_WORDS_MILLISECONDS
    writeKept()
  })
  return {
    write(line) {
      // The first line of a turn has it written: no other turn comes when the process exits.
      if (turn.push(line) > 1) return
      if (isExiting) writeTurn()
      else setImmediate(writeTurn)
    },
    get dropped() {
      return dropped
    },
    onDropped(report) {
      reports.add(report)
      return () => void reports.delete(report)
    },
  }

  function writeTurn(): void {
    const lines = turn
    turn = []
    let text = ''
    for (const line of lines) {
      // What is dropped is dropped whole.
      if (text.length + line.length > CHUNK_CHARACTERS && text !== '') {
        destination.write(text)
        text = ''
      }
      text += line
    }
    if (text !== '') destination.write(text)
  }

  function retryLater(): void {
    if (isRetrying) return
    isRetrying = true
    setTimeout(() => {
      isRetrying = false
      writeKept()
    }, RETRY_MILLISECONDS).unref()
  }

  function writeKept(): void {
    isBlocked = false
    destination.write('')
    if (isBlocked || dropped === reported) return
    const lines = dropped - reported
    reported = dropped
    for (const report of reports) report(lines)
  }
}

/**
 * Makes a write to standard output fail instead of wait. Node does so with a pipe and a socket, once its stream exists, and
 * restores them when the process exits. A file never waits for a reader.
 */
function doNotBlock(): void {
  const stream: { _handle?: { setBlocking?: (isBlocking: boolean) => void } } = process.stdout as object
  // Of a terminal Node makes its own descriptor, and has it wait. It has no public way to change that.
  if (process.stdout.isTTY) stream._handle?.setBlocking?.(false)
}

const CHUNK_CHARACTERS = 4096
const RETRY_MILLISECONDS = 100
const LAST_WORDS_MILLISECONDS = 200
