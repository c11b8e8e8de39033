import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { expect } from 'chai'
import type { AuditRecord } from '../../src/audit/record.ts'
import { AuditTrail } from '../../src/audit/trail.ts'
import { serviceRoots } from '../../src/roots/service-root.ts'
import { EarlyFailures } from '../../src/server/early-failures.ts'
import { PUBLIC_URL, ROOTS } from '../practice.ts'

describe('refusals', () => {
  it('finds the refused connection of a request among many that send no request', async () => {
    const lines: string[] = []
    const audit = new AuditTrail({
      open: async () => ({ end: undefined, torn: false }),
      append: async (added) => void lines.push(...added.split('\n').slice(0, -1)),
      close: async () => {},
    })
    const { path, asid } = ROOTS['v1.2']
    const earlyFailures = new EarlyFailures(
      serviceRoots({ [path]: { asid, preset: 'v1.2' } }, PUBLIC_URL, [], {}),
      audit,
      new WeakSet(),
    )
    const refuse = (peer: string, code: string): void =>
      earlyFailures.connectionRefused({ type: 'client.refused', code, address: '192.0.2.1', peer }, 'respond')

    for (let port = 1; port <= 999; port++) refuse(peerName(port), 'CERT_HAS_EXPIRED')
    refuse(peerName(1000), 'CERT_REVOKED')
    refuse(peerName(1001), 'CERT_HAS_EXPIRED')
    earlyFailures.render({
      status: 495,
      reason: 'certificate-refused',
      address: '192.0.2.7',
      request: requestFrom('192.0.2.1', 1000),
    })
    earlyFailures.flush()
    await audit.close()

    const records = lines.map((line) => JSON.parse(line) as AuditRecord)
    expect(records).to.have.length(1001)
    expect(records.filter(({ errorCode }) => errorCode !== 'CERT_HAS_EXPIRED').map(outcomeOf)).to.deep.equal([
      { errorCode: 'CERT_REVOKED', status: 495 },
    ])
  })
})

function requestFrom(remoteAddress: string, remotePort: number): IncomingMessage {
  const request = new IncomingMessage(Object.defineProperties(new Socket(), peer(remoteAddress, remotePort)))
  return Object.assign(request, { method: 'GET', url: '/' })
}

function peer(remoteAddress: string, remotePort: number): PropertyDescriptorMap {
  return {
    remoteAddress: { value: remoteAddress },
    remotePort: { value: remotePort },
    localAddress: { value: '198.51.100.1' },
    localPort: { value: 443 },
  }
}

function peerName(remotePort: number): string {
  return `192.0.2.1|${remotePort}|198.51.100.1|443`
}

function outcomeOf({ errorCode, status }: AuditRecord): Pick<AuditRecord, 'errorCode' | 'status'> {
  return { errorCode, status }
}
