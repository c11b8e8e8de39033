/** Every limit of the server: its name with the unit, its default and its range. README.md has the same table. */
import { SecureServerError } from './errors.ts'

interface Bound {
  readonly value: number
  readonly min: number
  readonly max: number
  readonly meaning: string
}

/** Defaults and ranges. Seconds may have fractions; everything else is a whole number. */
export const LIMITS = {
  handshakeSeconds: {
    value: 10,
    min: 0.1,
    max: 120,
    meaning: 'From the TCP connection to the end of the TLS handshake',
  },
  headersSeconds: {
    value: 10,
    min: 0.1,
    max: 600,
    meaning: 'From the connection, or the first byte of a later request, to the end of the headers',
  },
  requestSeconds: {
    value: 30,
    min: 0.1,
    max: 3600,
    meaning: 'From the first byte of a request to the last byte of its body',
  },
  idleSeconds: {
    value: 75,
    min: 0.1,
    max: 3600,
    meaning: 'Longest wait of a kept-alive connection for its next request; a proxy in front must close first',
  },
  stallSeconds: {
    value: 120,
    min: 0.1,
    max: 3600,
    meaning: 'Longest pause without a byte in either direction during a request',
  },
  halfClosedSeconds: {
    value: 10,
    min: 0.1,
    max: 3600,
    meaning:
      'Wait until a client that has closed its sending side is asked, by `102 Processing`, whether it still reads',
  },
  connectionSeconds: {
    value: 900,
    min: 1,
    max: 86_400,
    meaning: 'Age after which a connection closes with its next answer',
  },
  clientCheckSeconds: {
    value: 10,
    min: 0.1,
    max: 120,
    meaning: 'Longest time `check` may take for one client certificate',
  },
  headerBytes: { value: 16_384, min: 1024, max: 1_048_576, meaning: 'Size of the request line and headers together' },
  headerCount: { value: 100, min: 8, max: 2000, meaning: 'Number of header lines of a request' },
  bodyBytes: { value: 1_048_576, min: 0, max: 2 ** 40, meaning: 'Size of a request body as sent, chunked or not' },
  heldBodyBytes: {
    value: 25_165_824,
    min: 1024,
    max: 2 ** 40,
    meaning: 'Bytes of all bodies that have arrived and are not answered yet; if not set, at least `bodyBytes`',
  },
  connections: { value: 2000, min: 1, max: 1_000_000, meaning: 'Open connections in total' },
  connectionsPerAddress: { value: 256, min: 1, max: 1_000_000, meaning: 'Open connections of one address' },
  requestsPerConnection: { value: 10_000, min: 1, max: 2 ** 31, meaning: 'Requests on one connection' },
  pipelinedRequests: { value: 16, min: 1, max: 1000, meaning: 'Requests of one connection that are not answered yet' },
  requestsPerSecondPerAddress: { value: 1000, min: 1, max: 1_000_000, meaning: 'Requests of one address in a second' },
  concurrentRequests: {
    value: 1000,
    min: 1,
    max: 1_000_000,
    meaning: 'Requests of all connections that are not answered yet',
  },
} as const satisfies Record<string, Bound>

/** All limits, each in the unit its name ends with. */
export type Limits = { readonly [Name in keyof typeof LIMITS]: number }

/**
 * The given limits, with defaults for the rest.
 * @throws {SecureServerError} ERR_OPTIONS_INVALID: a limit is unknown or out of range; the message names each of them.
 */
export function resolveLimits(given: Partial<Limits> = {}): Limits {
  const limits: Record<string, number> = {}
  const problems = Object.keys(given).flatMap((name) => (name in LIMITS ? [] : [`limits.${name} is unknown`]))

  for (const [name, { value, min, max }] of Object.entries<Bound>(LIMITS)) {
    const wanted = given[name as keyof Limits] ?? value
    const whole = name.endsWith('Seconds') || Number.isInteger(wanted)
    if (!(whole && wanted >= min && wanted <= max)) problems.push(`limits.${name} is not between ${min} and ${max}`)
    limits[name] = wanted
  }
  // The loop has set every name of LIMITS.
  const resolved = limits as unknown as Limits
  if (given.heldBodyBytes === undefined) limits['heldBodyBytes'] = Math.max(resolved.heldBodyBytes, resolved.bodyBytes)
  else if (resolved.bodyBytes > resolved.heldBodyBytes)
    problems.push('limits.bodyBytes is more than limits.heldBodyBytes')
  if (resolved.headersSeconds > resolved.requestSeconds)
    problems.push('limits.headersSeconds is more than limits.requestSeconds')
  if (problems.length > 0) throw new SecureServerError('ERR_OPTIONS_INVALID', problems.join('; '))
  return resolved
}
