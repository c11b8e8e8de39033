import { X509Certificate } from 'node:crypto'
import { expect } from 'chai'
import type { ServerEvent } from '../../src/index.ts'
import { parseCrls } from '../../src/tls/crl.ts'
import { ExpiryWarnings } from '../../src/tls/expiry.ts'
import { Authority } from '../pki.ts'

const DAY = 86_400_000
const END = new Date('2030-01-31T12:00:00Z')

describe('ExpiryWarnings', () => {
  it('warns about a certificate once a day from 30 days before it expires', () => {
    const events: ServerEvent[] = []
    const warnings = new ExpiryWarnings((event) => void events.push(event))
    const identity = { cert: Buffer.alloc(0), key: Buffer.alloc(0), notAfter: END, fingerprint256: 'AA' }

    for (const days of [31, 30.5, 30.2, 29.6, 29.4, -0.5]) warnings.certificate(identity, END.getTime() - days * DAY)

    const daysLeft = events.map((event) => 'daysLeft' in event && event.daysLeft)
    expect(daysLeft).to.deep.equal([30, 29, -1])
  })

  it('warns about a CRL within its warning days, when it is stale, and again a day later', async () => {
    const events: ServerEvent[] = []
    const warnings = new ExpiryWarnings((event) => void events.push(event))
    const authority = await Authority.root('CA')
    const crls = parseCrls(Buffer.from(await authority.crl({ nextUpdate: END })))
    const trust = { authorities: [new X509Certificate(authority.cert)], crls }

    for (const days of [3, 1.9, 1.5, 0.8, -0.1, -0.2, -1.2]) warnings.crls(trust, 2, END.getTime() - days * DAY)

    expect(events.map(({ type }) => type)).to.deep.equal(['crl.expiring', 'crl.expiring', 'crl.stale', 'crl.stale'])
  })

  it('ignores an older CRL when there is a newer one', async () => {
    const events: ServerEvent[] = []
    const warnings = new ExpiryWarnings((event) => void events.push(event))
    const authority = await Authority.root('CA')
    const [old, newer] = [
      await authority.crl({ nextUpdate: END }),
      await authority.crl({ nextUpdate: new Date('2031-01-01') }),
    ]
    const trust = { authorities: [new X509Certificate(authority.cert)], crls: parseCrls(Buffer.from(old + newer)) }

    warnings.crls(trust, 2, END.getTime())

    expect(events).to.deep.equal([])
  })
})
