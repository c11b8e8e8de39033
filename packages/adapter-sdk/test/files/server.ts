/** File hosts for tests of captures: real HTTPS servers that do what a test tells them to. */
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'
import * as x509 from '@peculiar/x509'

/** A file host at 127.0.0.1 under any names. */
export class FileHost implements AsyncDisposable {
  /** PEM of the certificate, which is its own authority. */
  readonly certificate: string
  /** What was asked for, and under which server name. */
  readonly requests: { readonly path: string; readonly serverName: string | false | null }[] = []
  readonly #server: Server

  private constructor(certificate: string, server: Server) {
    this.certificate = certificate
    this.#server = server
  }

  static async start(answer: RequestListener, names: readonly string[] = ['localhost']): Promise<FileHost> {
    const { cert, key } = await issueCertificate(names)
    const server = createServer({ cert, key })
    const host = new FileHost(cert, server)
    server.on('request', (request, response) => {
      const serverName = request.socket instanceof TLSSocket ? request.socket.servername : null
      host.requests.push({ path: request.url ?? '', serverName: serverName ?? null })
      answer(request, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return host
  }

  get port(): number {
    // A server that listens on a port has such an address.
    return (this.#server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

async function issueCertificate(names: readonly string[]): Promise<{ cert: string; key: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  // The library's types name the browser's Crypto and keys, which Node's types do not have.
  type Parameters1 = Parameters<typeof x509.X509CertificateGenerator.createSelfSigned>
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=file host',
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(Date.now() + 3_600_000),
      signingAlgorithm: algorithm,
      keys: keys as unknown as Parameters1[0]['keys'],
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
      ],
    },
    webcrypto as unknown as NonNullable<Parameters1[1]>,
  )
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  return {
    cert: certificate.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`,
  }
}
