import { Agent } from 'node:https'
import { createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net'
import axios from 'axios'
import { expect } from 'chai'
import { startOpticsStandIn } from '../../src/stand-in/index.ts'
import { client, complaintBody, KEYS, messageOf, notAborted, outcomeOf, until } from '../optics-client.ts'
import { localhostPki, type Pki } from '../pki.ts'

describe('a connection that is never established', () => {
  let pki: Pki
  before(async () => {
    pki = await localhostPki()
  })
  const trusting = () => axios.create({ httpsAgent: new Agent({ ca: pki.ca }) })

  it('leads to a retry when the port is closed', async () => {
    const standIn = await startOpticsStandIn(KEYS)
    const optics = client(standIn.url)
    await optics.createCase(complaintBody(), notAborted)
    await standIn.stop()

    expect(await outcomeOf(optics.createCase(complaintBody(), notAborted))).to.equal('retry ERR_OPTICS_UNREACHABLE')
    expect(await messageOf(optics.createCase(complaintBody(), notAborted))).to.equal(
      'could not connect to Optics for createcase: ECONNREFUSED',
    )
  })

  it('leads to a retry when the name does not resolve', async () => {
    const end = await outcomeOf(client('https://optics.invalid').createCase(complaintBody(), notAborted))

    expect(end).to.equal('retry ERR_OPTICS_UNREACHABLE')
  })

  it('leads to a retry when the certificate is not trusted, and nothing was sent', async () => {
    await using standIn = await startOpticsStandIn({ ...KEYS, tls: pki })

    const end = await outcomeOf(client(standIn.url).createCase(complaintBody(), notAborted))

    expect(end).to.equal('retry ERR_OPTICS_UNREACHABLE')
    expect(standIn.requests).to.have.length(0)
  })

  it('leads to a retry when it closes before the TLS handshake, and the retry creates the case', async () => {
    await using standIn = await startOpticsStandIn({ ...KEYS, tls: pki })
    const optics = client(standIn.url, { axios: trusting() })
    await optics.createCase(complaintBody({ ExternalId: 'before' }), notAborted)
    await standIn.fail('close')

    expect(await outcomeOf(optics.createCase(complaintBody(), notAborted))).to.equal('retry ERR_OPTICS_UNREACHABLE')
    expect(await outcomeOf(optics.createCase(complaintBody(), notAborted))).to.deep.equal({ reference: '492234' })
  })

  describe('because the other end does not respond', () => {
    const sockets: Socket[] = []
    let silent: TcpServer
    let optics: ReturnType<typeof client>
    beforeEach(async () => {
      const standIn = await startOpticsStandIn({ ...KEYS, tls: pki })
      optics = client(standIn.url, { axios: trusting(), timeoutSeconds: 0.5 })
      await optics.createCase(complaintBody(), notAborted)
      await standIn.stop()
      silent = createTcpServer((socket) => void sockets.push(socket))
      await new Promise<void>((resolve) => silent.listen(Number(new URL(standIn.url).port), '127.0.0.1', resolve))
    })
    afterEach(() => {
      for (const socket of sockets.splice(0)) socket.destroy()
      silent.close()
    })

    it('leads to a retry', async () => {
      expect(await outcomeOf(optics.createCase(complaintBody(), notAborted))).to.equal('retry ERR_OPTICS_UNREACHABLE')
    })

    it('sends nothing when the attempt is cancelled before the connection is established', async () => {
      const attempt = new AbortController()

      const made = outcomeOf(optics.createCase(complaintBody(), { signal: attempt.signal }))
      await until(() => sockets.length > 0)
      attempt.abort()

      expect(await made).to.equal('retry ERR_OPTICS_NOT_SENT')
    })
  })

  it('is uncertain after the TLS handshake', async () => {
    await using standIn = await startOpticsStandIn({ ...KEYS, tls: pki })
    await standIn.fail('reset')

    const end = await outcomeOf(client(standIn.url, { axios: trusting() }).createCase(complaintBody(), notAborted))

    expect(end).to.equal('uncertain ERR_OPTICS_BROKEN_OFF')
  })
})
