/** Attachment links that lead where they should not: a genuine token with a link of somebody else's choosing. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { createAdapter } from '@formbuilder/adapter-sdk'
import { startTestAdapter, type TestAdapter } from '@formbuilder/adapter-sdk/testing'
import { expect } from 'chai'

describe('attachment links of a stranger', () => {
  let adapter: TestAdapter
  /** Something on this machine that nobody outside may reach. */
  const inside = createServer((socket) => {
    reached += 1
    socket.destroy()
  })
  let reached = 0
  let port = 0
  before(async () => {
    await once(inside.listen(0, '127.0.0.1'), 'listening')
    port = (inside.address() as AddressInfo).port
    const forms = { complaint: { path: '/v2/complaint', handle: async () => undefined } }
    adapter = await startTestAdapter(createAdapter({ forms }))
  })
  after(async () => {
    await adapter.stop()
    inside.close()
  })

  const send = async (url: string) => {
    const [encryption_key, encryption_iv] = [randomBytes(32).toString('base64'), randomBytes(16).toString('base64')]
    const link = { url, encryption_key, encryption_iv, filename: 'a.pdf', mimetype: 'application/pdf' }
    return await adapter.send('/v2/complaint', { attachments: [link] })
  }

  const LINKS: readonly (readonly [what: string, url: (port: number, allowed: string) => string])[] = [
    ['another port of an allowed host', (port) => `https://localhost:${port}/`],
    ['this machine by its address', (port) => `https://127.0.0.1:${port}/`],
    ['this machine by its IPv6 address', (port) => `https://[::1]:${port}/`],
    ['this machine in one number', (port) => `https://2130706433:${port}/`],
    ['this machine in octal', (port) => `https://0177.0.0.1:${port}/`],
    ['this machine mapped into IPv6', (port) => `https://[::ffff:127.0.0.1]:${port}/`],
    ['any address', (port) => `https://0.0.0.0:${port}/`],
    ['the metadata service of a cloud', () => 'https://169.254.169.254/latest/meta-data/'],
    ['a host of a private network', () => 'https://10.0.0.1/'],
    ['plain HTTP', (_, allowed) => `http://${allowed}/`],
    ['a file', () => 'file:///etc/passwd'],
    ['gopher', (port) => `gopher://127.0.0.1:${port}/_x`],
    ['data', () => 'data:text/plain,00'],
    ['an allowed host as a user name', (port, allowed) => `https://${allowed}@127.0.0.1:${port}/`],
    ['an allowed host in the fragment', (port, allowed) => `https://127.0.0.1:${port}/#@${allowed}/`],
    ['an allowed host behind a backslash', (port, allowed) => `https://127.0.0.1:${port}\\@${allowed}/`],
    ['an allowed host as a subdomain', (_, allowed) => `https://${allowed.replace(':', '.evil.example:')}/`],
    ['a name with a full stop at its end', (port) => `https://localhost.:${port}/`],
    ['a line end in its middle', (port, allowed) => `https://${allowed}\r\nHost: 127.0.0.1:${port}/`],
    ['nothing that is a link', () => 'see overleaf'],
  ]
  for (const [what, url] of LINKS) {
    it(`${what}: the sender keeps the submission, and nobody is asked for anything`, async () => {
      const served = adapter.fileStore.served

      const answer = await send(url(port, adapter.fileStore.origin))

      expect([answer.status, answer.body?.['code']]).to.deep.equal([503, 'ERR_ATTACHMENT_REFUSED'])
      expect(answer.headers['retry-after']).to.match(/^\d+$/)
      expect(answer.text).not.to.match(/localhost|127|meta-data|passwd/)
      expect([reached, adapter.fileStore.served - served]).to.deep.equal([0, 0])
    })
  }

  it('a link that is allowed is asked for, so that the others were refused for where they lead', async () => {
    const answer = await send(`https://${adapter.fileStore.origin}/nothing`)

    expect([answer.status, answer.body?.['code']]).to.deep.equal([503, 'ERR_ATTACHMENT_STATUS'])
    expect(adapter.fileStore.served).to.be.above(0)
  })
})
