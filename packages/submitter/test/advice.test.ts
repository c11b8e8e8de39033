import { once } from 'node:events'
import { createServer as createPlainServer } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { expect } from 'chai'
import { adviceFor } from '../src/advice.ts'
import { submit, UnreachableError } from '../src/index.ts'
import { makeCertificate } from './certificate.ts'
import { failure } from './outcome.ts'

const DAY = 86_400_000
const SUBMISSION = { serviceSlug: 's', submissionId: 'id-1', submissionAnswers: {}, attachments: [] }
const at = (days: number) => new Date(Date.now() + days * DAY)

describe('the advice after a request without an answer', () => {
  const certificate = makeCertificate()

  /** The error of a submission to this server, which must not have received anything. */
  async function errorFrom(server: Server, scheme: 'http' | 'https', ca?: string): Promise<UnreachableError> {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    try {
      const error = await failure(() =>
        submit({
          endpoint: `${scheme}://127.0.0.1:${port}/v2/complaint`,
          key: 'Xk2fQ9wLs7TgBzR4',
          allowLocal: true,
          submission: SUBMISSION,
          ...(ca !== undefined && { ca }),
        }),
      )
      expect(error).to.be.instanceOf(UnreachableError)
      return error as UnreachableError
    } finally {
      server.close()
    }
  }

  const tls = async (options: ServerOptions) =>
    createServer({ ...(await certificate), ...options }, (_request, response) => response.writeHead(500).end())

  for (const [what, validity, kind, code, says] of [
    ['has expired', { notBefore: at(-9), notAfter: at(-1) }, 'expired', 'CERT_HAS_EXPIRED', /^renew it/],
    [
      'is not yet valid',
      { notBefore: at(1), notAfter: at(9) },
      'not-yet-valid',
      'CERT_NOT_YET_VALID',
      /^set the clock/,
    ],
  ] as const)
    it(`of a certificate that ${what} says so, and does not send to --ca-file`, async () => {
      const dated = await makeCertificate(undefined, validity)

      const error = await errorFrom(await tls(dated), 'https', dated.cert)

      expect([error.kind, error.retryable]).to.deep.equal([kind, false])
      expect(error.message).to.equal(`the certificate of the receiver is not trusted (${code})`)
      expect(adviceFor(error))
        .to.match(says)
        .and.match(/--ca-file does not help$/)
    })

  it('of an untrusted certificate names --ca-file', async () => {
    const error = await errorFrom(await tls({}), 'https')

    expect(error.kind).to.equal('untrusted')
    expect(adviceFor(error)).to.match(/with --ca-file \(and --allow-local\)/)
  })

  it('of a certificate of another authority than the one given names --ca-file', async () => {
    const error = await errorFrom(await tls({}), 'https', (await makeCertificate()).cert)

    expect(error.kind).to.equal('untrusted')
  })

  it('of a certificate for another name says which option to change', async () => {
    const other = await makeCertificate([{ type: 'dns', value: 'other.gov.uk' }])

    const error = await errorFrom(await tls(other), 'https', other.cert)

    expect([error.kind, error.message]).to.deep.equal([
      'other-name',
      'the certificate of the receiver is not trusted (ERR_TLS_CERT_ALTNAME_INVALID)',
    ])
    expect(adviceFor(error)).to.match(/^use a host name in --endpoint that the certificate has/)
  })

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
    it(`of a receiver that wants a client certificate under ${version} says that Form Builder sends none`, async () => {
      const { cert } = await certificate

      const error = await errorFrom(
        await tls({ requestCert: true, rejectUnauthorized: true, ca: cert, maxVersion: version }),
        'https',
        cert,
      )

      expect([error.kind, error.retryable]).to.deep.equal(['client-certificate', false])
      expect(error.message).to.match(/wants a client certificate \(ERR_SSL_/)
      expect(adviceFor(error)).to.match(/^Form Builder sends none/)
    })

  it('of a receiver without TLS says how to write the endpoint', async () => {
    const error = await errorFrom(createPlainServer(), 'https')

    expect([error.kind, error.retryable]).to.deep.equal(['no-tls', false])
    expect(adviceFor(error)).to.match(/http:\/\/ .*--allow-local/)
  })

  it('of a receiver whose TLS is too old says so', async () => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const

    expect((await errorFrom(await tls(old), 'https', (await certificate).cert)).kind).to.equal('no-tls')
  })

  it('of a receiver with TLS, asked without, says how to write the endpoint', async () => {
    const error = await errorFrom(await tls({}), 'http')

    expect(error.kind).to.equal('no-http')
    expect(adviceFor(error)).to.match(/write https:\/\//)
  })

  it('of something that does not speak HTTP says to look at the port', async () => {
    const error = await errorFrom(
      createTcpServer((socket) => socket.end('220 mail.example ESMTP\r\n')),
      'http',
    )

    expect([error.kind, error.message]).to.deep.equal(['no-http', 'no answer from the receiver (HPE_INVALID_CONSTANT)'])
  })

  it('of a port where nothing listens says to start the adapter', async () => {
    const server = createTcpServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    await once(server, 'close')

    const error = await failure(() =>
      submit({
        endpoint: `http://127.0.0.1:${port}/`,
        key: 'Xk2fQ9wLs7TgBzR4',
        allowLocal: true,
        submission: SUBMISSION,
      }),
    )

    expect(adviceFor(error)).to.match(/^nothing listens there: start the adapter/)
  })

  it('is part of what the command prints, as text and as JSON', async () => {
    const { printError } = await import('../src/streams.ts')
    const written: string[] = []
    const write = { write: (text: string) => written.push(text) > 0 } as never
    const error = new UnreachableError('expired', 'the certificate of the receiver is not trusted (CERT_HAS_EXPIRED)')

    printError(error, false, { stdin: undefined as never, stdout: write, stderr: write })
    printError(error, true, { stdin: undefined as never, stdout: write, stderr: write })

    expect(written[0]).to.equal(
      'ERR_RECEIVER_UNREACHABLE: the certificate of the receiver is not trusted (CERT_HAS_EXPIRED); ' +
        'renew it at the receiver, or set the clock of this machine; --ca-file does not help\n',
    )
    expect(JSON.parse(written[1] ?? '')).to.have.property('advice', adviceFor(error))
  })
})
