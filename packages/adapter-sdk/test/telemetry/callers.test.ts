/** The lines of the code that made a request, in the error of that request. */
import { expect } from 'chai'
import { AdapterError } from '../../src/errors.ts'
import { addCaller, captureCaller, isAbort } from '../../src/telemetry/callers.ts'

const HERE = /callers\.test\.ts:\d+:\d+/

/** An error as a socket makes it. */
function ofSocket(message = 'refused'): Error {
  const error = new Error(message)
  error.stack = `Error: ${message}\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)`
  return error
}

describe('the code that makes a request', () => {
  it('is added to the error, once, without a place in Node', () => {
    const [error, caller] = [ofSocket(), captureCaller()]

    addCaller(error, caller)
    const once = error.stack
    addCaller(error, caller)

    expect(error.stack).to.equal(once).and.to.match(HERE)
    expect(String(once).match(/node:/g)).to.have.length(1)
  })

  it('leaves the limit of stacks as it was', () => {
    const limit = Error.stackTraceLimit

    captureCaller()

    expect(Error.stackTraceLimit).to.equal(limit)
  })

  for (const [what, error] of [
    ['an error that is frozen', Object.freeze(ofSocket())],
    [
      'a stack that throws',
      Object.defineProperty(new Error('no'), 'stack', {
        get: () => {
          throw new Error('no')
        },
      }),
    ],
    ['a text', 'refused'],
    ['nothing', undefined],
  ] as const) {
    it(`is not added to ${what}, and nothing is thrown`, () => {
      expect(() => addCaller(error, captureCaller())).not.to.throw()
    })
  }

  it('is not added to an error of ours, which may end other attempts too', () => {
    const error = new AdapterError('ERR_STOPPING', 'the process is stopping')
    const { stack } = error

    addCaller(error, { stack: 'Error\n    at handle (/srv/complaint.js:12:3)' })

    expect(error.stack).to.equal(stack)
  })

  for (const [what, error, expected] of [
    ['a time-out of a signal', new DOMException('late', 'TimeoutError'), true],
    ['an error of a socket', ofSocket(), false],
    ['a text', 'TimeoutError', false],
  ] as const) {
    it(`says whether a signal made ${what}: ${expected}`, () => {
      if (error instanceof DOMException)
        Object.defineProperty(error, 'stack', {
          value: 'TimeoutError: late\n    at new DOMException (node:internal:1:1)',
        })

      expect(isAbort(error)).to.equal(expected)
    })
  }
})
