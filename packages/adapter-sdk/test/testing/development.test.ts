import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { makeDevelopmentCertificate } from '../../src/testing/certificate.ts'
import { developmentEnvironment } from '../../src/testing/development.ts'

describe("the settings of an adapter on a developer's machine", () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'development-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('have the chosen port in the public host name', async () => {
    const usual = await developmentEnvironment(folder)
    const chosen = await developmentEnvironment(folder, { PORT: '3001', LOG_LEVEL: 'debug' })

    expect(usual).to.include({ PORT: '3000', HOST: 'localhost:3000' })
    expect(chosen).to.include({ PORT: '3001', HOST: 'localhost:3001', LOG_LEVEL: 'debug' })
  })

  it('keep the key and the certificate from one start to the next', async () => {
    const { TLS_CERT_FILE = '', JWE_SHARED_KEY } = await developmentEnvironment(folder)
    const certificate = readFileSync(TLS_CERT_FILE, 'utf8')

    const again = await developmentEnvironment(folder)

    expect(again['JWE_SHARED_KEY']).to.equal(JWE_SHARED_KEY)
    expect(readFileSync(TLS_CERT_FILE, 'utf8')).to.equal(certificate)
  })

  it('have a new certificate before the server would warn that the old one expires', async () => {
    const { cert, key } = await makeDevelopmentCertificate(30)
    writeFileSync(join(folder, 'certificate.pem'), cert)
    writeFileSync(join(folder, 'certificate-key.pem'), key)

    const { TLS_CERT_FILE = '' } = await developmentEnvironment(folder)

    const { validToDate } = new X509Certificate(readFileSync(TLS_CERT_FILE))
    expect((validToDate.getTime() - Date.now()) / 86_400_000).to.be.greaterThan(60)
  })
})
