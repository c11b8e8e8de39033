/** Builds entries for the tests of the audit trail. */
import type { AuditEntry } from '../../src/audit/record.ts'

export function entry(dataId: string): AuditEntry {
  return {
    timestamp: '2026-01-05T09:00:00.000Z',
    outcome: 'served',
    traceId: '09a01679-2564-0fb4-5129-aecc81ea2706',
    from: '200000000359',
    to: '918999198993',
    interactionId: 'urn:nhs:names:services:gpconnect:fhir:rest:read:patient-1',
    userId: 'GCASDS0001',
    userLocalId: '98ed4f78-814d-4266-8d5b-cde742f3093c',
    userName: 'Mr AssuranceTest AssurancePractitioner',
    userRole: '112233445566',
    organization: 'GPCA0001',
    organizationName: 'GP Connect Assurance',
    device: 'GPConnectTestSystem Client v1 1.1',
    address: '127.0.0.1',
    forwarded: null,
    dataId,
    status: 200,
    errorCode: null,
  }
}
