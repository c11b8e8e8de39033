/** Tells a client that has closed its sending side, and still reads, from one that is gone: both look the same until written to. */
import type { Duplex } from 'node:stream'
import type { Connection } from './connection.ts'
import { writeInterim } from './messages.ts'

/**
 * Once the client has closed its sending side, writes `102 Processing` (RFC 9110 section 15.2: clients skip it) after this many
 * seconds, and again after as many. The system of a client that is gone resets the connection at the first, and the second
 * write then fails and closes it. After that the limits of time count as for every other client.
 */
export function probeHalfClosed(connection: Connection, stream: Duplex, seconds: number): void {
  stream.once('end', () => {
    let left = PROBES
    const timer = setInterval(() => {
      left -= 1
      if (left === 0) clearInterval(timer)
      const { oldest } = connection
      // HTTP/1.0 knows no interim answers.
      if (oldest?.req.httpVersion === '1.1') writeInterim(oldest)
    }, seconds * 1000)
    stream.once('close', () => clearInterval(timer))
  })
}

const PROBES = 2
