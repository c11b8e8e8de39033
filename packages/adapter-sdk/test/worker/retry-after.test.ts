import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import axios, { AxiosHeaders } from 'axios'
import { expect } from 'chai'
import { RetryError } from '../../src/errors.ts'
import type { Form } from '../../src/form.ts'
import { failed, withinLimit } from '../../src/worker/ending.ts'
import { secondsAskedFor } from '../../src/worker/retry-after.ts'
import { claimed } from '../submissions.ts'

const NOW = Date.parse('Sun, 29 Nov 2026 08:00:00 GMT')
const policy = { delaySeconds: 30, delayMaxSeconds: 3600, limit: 25 }
const progress = { phase: 'handling', acted: false, isAborted: false } as const
const form: Form = { path: '/v2/complaint', handle: async () => undefined }

describe('how long a target asks to be left alone', () => {
  const answered = (status: number, headers: unknown) =>
    Object.assign(new Error('busy'), { response: { status, headers } })

  for (const [what, error, seconds] of [
    ['seconds in a plain object', answered(503, { 'retry-after': '120' }), 120],
    ['a header in any letter case', answered(429, { 'Retry-After': '120' }), 120],
    ['AxiosHeaders', answered(503, new AxiosHeaders({ 'Retry-After': '120' })), 120],
    ['Headers of fetch', answered(429, new Headers({ 'Retry-After': '120' })), 120],
    ['the first of several', answered(503, { 'retry-after': ['120', '240'] }), 120],
    ['a date', answered(503, { 'retry-after': 'Sun, 29 Nov 2026 08:02:00 GMT' }), 120],
    ['a Response that was thrown', new Response('', { status: 503, headers: { 'Retry-After': '120' } }), 120],
    [
      'status and headers beside the error',
      Object.assign(new Error(''), { status: 429, headers: { 'retry-after': '7' } }),
      7,
    ],
    ['a RetryError', new RetryError('busy', { retryAfterSeconds: 120 }), 120],
    [
      'a RetryError before its cause',
      new RetryError('busy', { retryAfterSeconds: 5, cause: answered(503, { 'retry-after': '9' }) }),
      5,
    ],
    ['no date in the past', answered(503, { 'retry-after': 'Sun, 29 Nov 2026 07:00:00 GMT' }), undefined],
    ['no 0', answered(503, { 'retry-after': '0' }), undefined],
    ['no negative number', answered(503, { 'retry-after': '-5' }), undefined],
    ['no date that another reader would take', answered(503, { 'retry-after': '2026-11-29T08:02:00Z' }), undefined],
    ['no day that does not exist', answered(503, { 'retry-after': 'Tue, 30 Feb 2027 08:00:00 GMT' }), undefined],
    ['a date of RFC 850', answered(503, { 'retry-after': 'Sunday, 29-Nov-26 08:02:00 GMT' }), 120],
    ['a date of asctime, in any zone', answered(503, { 'retry-after': 'Sun Nov 29 08:02:00 2026' }), 120],
    ['no fraction', answered(503, { 'retry-after': '1.5' }), undefined],
    ['no word', answered(503, { 'retry-after': 'soon' }), undefined],
    ['no other status', answered(500, { 'retry-after': '120' }), undefined],
    [
      'no headers that throw',
      answered(503, {
        get: () => {
          throw new Error('no')
        },
      }),
      undefined,
    ],
    ['no headers', answered(503, undefined), undefined],
    ['nothing', undefined, undefined],
  ] as const) {
    it(
      `is read from ${what}`.replace('from no ', 'from nothing that is no ').replace('nothing that is no', 'no'),
      () => {
        expect(secondsAskedFor(error, NOW)).to.equal(seconds)
      },
    )
  }

  it('is read from what axios throws', async () => {
    const server = createServer((_, response) => response.writeHead(503, { 'Retry-After': '1800' }).end())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo

    const error: unknown = await axios
      .post(`http://127.0.0.1:${port}/`, {}, { proxy: false })
      .catch((thrown: unknown) => thrown)
    server.close()

    expect(failed(claimed(), form, policy, progress, error)).to.include({ outcome: 'retry', delaySeconds: 1800 })
  })

  it('is never longer than the longest delay, nor shorter than the ordinary one', () => {
    const after = (retryAfterSeconds: number) =>
      failed(claimed(), form, policy, progress, new RetryError('busy', { retryAfterSeconds }))

    expect(after(1_000_000)).to.include({ outcome: 'retry', delaySeconds: 3600 })
    expect(after(1)).to.have.property('delaySeconds').within(22.5, 37.5)
  })

  it('makes a dead letter beyond the last retry', () => {
    const error = new RetryError('the case system is closed', { retryAfterSeconds: 600, status: 503 })
    const [claim, none] = [claimed(), { ...policy, limit: 0 }]

    const ending = withinLimit(claim, failed(claim, form, none, progress, error), none)

    expect(ending).to.include({ outcome: 'dead', code: 'ERR_RETRIES_EXHAUSTED', uncertain: false })
    expect(ending).to.have.property('reason').that.contains('ERR_HANDLER_RETRY: the case system is closed')
    expect(ending).to.have.nested.property('failure.status', 503)
  })
})

describe('a RetryError', () => {
  for (const [seconds, kept] of [
    [0.5, 0.5],
    [31_536_000, 31_536_000],
    [31_536_001, 31_536_000],
    [Number.POSITIVE_INFINITY, 31_536_000],
    [Number.NaN, undefined],
    [0, undefined],
    [-1, undefined],
    ['60' as unknown as number, undefined],
    [undefined, undefined],
  ] as const) {
    it(`keeps ${String(kept)} of ${String(seconds)} seconds`, () => {
      expect(new RetryError('busy', { retryAfterSeconds: seconds }).retryAfterSeconds).to.equal(kept)
    })
  }

  for (const [status, kept] of [
    [503, 503],
    [100, 100],
    [599, 599],
    [99, undefined],
    [600, undefined],
    [503.5, undefined],
    [Number.NaN, undefined],
  ] as const) {
    it(`keeps ${String(kept)} of the status ${status}`, () => {
      expect(new RetryError('busy', { status }).status).to.equal(kept)
    })
  }

  it('is repeated where repeating does harm, because nothing was made', () => {
    const once: Form = { ...form, repeatable: false }

    const ending = failed(claimed(), once, policy, { ...progress, isAborted: true }, new RetryError('busy'))

    expect(ending).to.include({ outcome: 'retry', code: 'ERR_HANDLER_RETRY', uncertain: false, reason: 'busy' })
  })

  it('has a code of its own only where it has the form of one', () => {
    expect(new RetryError('busy', { code: 'CASES_BUSY' }).code).to.equal('CASES_BUSY')
    expect(new RetryError('busy', { code: 'Ada wrote' }).code).to.equal('ERR_HANDLER_RETRY')
  })
})
