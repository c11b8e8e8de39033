/** What an error of the client carries beside its message. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { client, complaintBody, notAborted, SUBMISSION_ID } from '../optics-client.ts'
import { answering, listening } from './answering.ts'

async function thrownBy(request: Promise<unknown> | undefined): Promise<Error & { status?: number }> {
  try {
    await request
  } catch (error) {
    return error as Error // the client throws nothing else
  }
  throw new Error('nothing was thrown')
}

describe('an error of the client of Optics', () => {
  for (const [status, code] of [
    [302, 'ERR_OPTICS_ANSWER_UNKNOWN'],
    [401, 'ERR_OPTICS_UNAUTHORISED'],
    [403, 'ERR_OPTICS_UNAUTHORISED'],
    [422, 'ERR_OPTICS_REJECTED'],
    [429, 'ERR_OPTICS_BUSY'],
    [503, 'ERR_OPTICS_FAILED'],
  ] as const) {
    it(`has the status ${status} of createcase as a field`, async () => {
      await using optics = await answering({ status, body: '' })

      expect(await thrownBy(client(optics.url).createCase(complaintBody(), notAborted))).to.include({ code, status })
    })
  }

  it('has the status of a 2xx that names no case, and of a lookup', async () => {
    await using optics = await answering({ status: 200, body: '{"said":"nothing"}' })
    const { createCase, findCase } = client(optics.url)

    expect(await thrownBy(createCase(complaintBody(), notAborted))).to.include({ status: 200 })
    expect(await thrownBy(findCase?.(SUBMISSION_ID, notAborted))).to.include({ status: 200 })
  })

  for (const status of [200, 400, 429, 500]) {
    it(`has the status ${status} of a refused token`, async () => {
      await using optics = await listening((_, response) => response.writeHead(status).end('no'))

      expect(await thrownBy(client(optics.url).createCase(complaintBody(), notAborted))).to.include({ status })
    })
  }

  it('has the code of a refused connection as that of its cause, and its line', async () => {
    const gone = createServer().listen(0, '127.0.0.1')
    await once(gone, 'listening')
    const { port } = gone.address() as AddressInfo
    gone.close()

    const error = await thrownBy(client(`http://127.0.0.1:${port}`).createCase(complaintBody(), notAborted))

    expect(error).to.include({ code: 'ERR_OPTICS_UNREACHABLE' })
    expect(error.status).to.equal(undefined)
    expect(error.cause).to.include({ name: 'ExchangeFailed', code: 'ECONNREFUSED' })
    expect(error.cause).not.to.have.any.keys('config', 'request', 'response')
  })

  it('has the code of a broken connection, after createcase and after a lookup', async () => {
    await using optics = await listening((request, response) => {
      if (request.url?.startsWith('/token')) response.end('{"access_token":"token"}')
      else request.socket.destroy()
    })
    const { createCase, findCase } = client(optics.url)

    for (const request of [createCase(complaintBody(), notAborted), findCase?.(SUBMISSION_ID, notAborted)])
      expect((await thrownBy(request)).cause).to.include({ name: 'ExchangeFailed', code: 'ECONNRESET' })
  })

  it('has the code of a time-out', async () => {
    await using optics = await listening((request, response) => {
      if (request.url?.startsWith('/token')) response.end('{"access_token":"token"}')
    })

    const error = await thrownBy(client(optics.url, { timeoutSeconds: 0.05 }).createCase(complaintBody(), notAborted))

    expect(error).to.include({ code: 'ERR_OPTICS_TIMEOUT' })
    expect(error.cause).to.include({ code: 'ETIMEDOUT', reason: 'timeout' })
  })
})
