/** Creates certificates for localhost, for one test run. */
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** A self-signed certificate, for `localhost` and 127.0.0.1 by default. */
export async function makeCertificate(
  names: x509.JsonGeneralName[] = [
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
  ],
  { notBefore = new Date(Date.now() - 60_000), notAfter = new Date(Date.now() + 86_400_000) } = {},
): Promise<Certificate> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as never
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=receiver',
      notBefore,
      notAfter,
      signingAlgorithm: algorithm,
      keys,
      extensions: [new x509.BasicConstraintsExtension(true, 0, true), new x509.SubjectAlternativeNameExtension(names)],
    },
    webcrypto as never,
  )
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', (keys as { privateKey: webcrypto.CryptoKey }).privateKey)
  return { cert: certificate.toString('pem'), key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') }
}
