/** Made-up submissions, claims and endings for tests of the store and the worker. */
import { randomUUID } from 'node:crypto'
import type { Claim, Ending } from '../src/store/claim.ts'
import type { Incoming } from '../src/store/submission.ts'

/** A submission to accept. Its text stands for a JWE: neither the arrivals nor the worker's attempts decrypt it. */
export function incoming(over: Partial<Incoming> = {}): Incoming {
  return {
    form: 'complaint',
    submissionId: randomUUID(),
    serviceSlug: 'test-form',
    jwe: 'header..iv.ciphertext.tag',
    files: [],
    ...over,
  }
}

export const delivered = (reference = '492233'): Ending => ({ outcome: 'delivered', reference, confirmed: false })

export const retry = (over: Partial<Ending & { outcome: 'retry' }> = {}): Ending => ({
  outcome: 'retry',
  code: 'ERR_HANDLER_FAILED',
  reason: 'the handler threw Error',
  delaySeconds: 0,
  uncertain: false,
  ...over,
})

export const dead = (over: Partial<Ending & { outcome: 'dead' }> = {}): Ending => ({
  outcome: 'dead',
  code: 'ERR_HANDLER_PERMANENT',
  reason: 'no team',
  uncertain: false,
  ...over,
})

/** A claim that is in no store. */
export function claimed(over: Partial<Claim> = {}): Claim {
  return {
    id: randomUUID(),
    form: 'complaint',
    submissionId: randomUUID(),
    jwe: 'header..iv.ciphertext.tag',
    files: [],
    attempt: 1,
    attemptsSinceRedrive: 1,
    losses: 0,
    uncertain: false,
    approved: false,
    receivedAt: new Date(),
    previousReference: null,
    traceparent: null,
    dueAt: new Date(),
    revision: 2,
    ...over,
  }
}
