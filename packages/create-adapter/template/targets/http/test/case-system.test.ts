import { strict as assert } from 'node:assert'
import { after, before, describe, it } from 'node:test'
import { PermanentError, UncertainError } from '@formbuilder/adapter-sdk'
import { type StandIn, startStandIn } from '../dev/stand-in.ts'
import { openCase } from '../src/case-system.ts'

const newCase = { name: 'Ada', message: 'It was closed.', date: undefined, files: [] }
const { signal } = new AbortController()

describe('the case system', () => {
  let standIn: StandIn
  before(async () => {
    standIn = await startStandIn()
    Object.assign(process.env, standIn.environment)
  })
  after(() => standIn?.stop())

  it('makes one case for one key', async () => {
    const numbers = [
      await openCase('first', newCase, signal),
      await openCase('first', newCase, signal),
      await openCase('second', newCase, signal),
    ]

    assert.deepEqual(numbers, ['C-1', 'C-1', 'C-2'])
  })

  for (const status of [400, 404, 422]) {
    it(`refuses with ${status}: a person has to look, and no case was made`, async () => {
      standIn.next = { status }

      await assert.rejects(openCase('refused', newCase, signal), PermanentError)
    })
  }

  for (const [name, next] of [
    ['answers 200 without the number of a case', { status: 200 }],
    ['fails with 500', { status: 500 }],
    ['is still at work on the same key', { status: 409 }],
    ['sends somewhere else', { status: 303 }],
    ['is cut off before it has answered', 'cut'],
  ] as const) {
    it(`${name}: a case may exist`, async () => {
      standIn.next = next

      await assert.rejects(openCase('uncertain', newCase, signal), UncertainError)
    })
  }

  for (const status of [401, 429, 503]) {
    it(`answers ${status}: no case was made, and the adapter tries again`, async () => {
      standIn.next = { status }

      await assert.rejects(openCase('later', newCase, signal), isNeither)
    })
  }

  it('cannot be reached: no case was made, and the adapter tries again', async () => {
    const gone = await startStandIn()
    await gone.stop()
    const { CASE_SYSTEM_URL } = process.env
    Object.assign(process.env, gone.environment)
    try {
      await assert.rejects(openCase('later', newCase, signal), isNeither)
    } finally {
      Object.assign(process.env, { CASE_SYSTEM_URL })
    }
  })
})

function isNeither(error: unknown): boolean {
  return !(error instanceof PermanentError) && !(error instanceof UncertainError)
}
