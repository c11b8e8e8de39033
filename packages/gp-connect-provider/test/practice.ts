/** Starts a provider with four service roots in this process, and reads its log and audit trail. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Listener } from '@formbuilder/secure-server'
import type { Middleware } from 'koa'
import { pino } from 'pino'
import { freePort } from '../../adapter-sdk/test/free-port.ts'
import type { AuditRecord } from '../src/audit/record.ts'
import { checks } from '../src/checks/checks.ts'
import { type FailureCode, ProviderError } from '../src/failures.ts'
import type { Resource } from '../src/fhir/operation-outcome.ts'
import { assembleProvider, type Provider, type ProviderOptions, type RunningProvider } from '../src/provider.ts'
import type { ServiceRootOptions } from '../src/roots/service-root.ts'
import { logEvents, type ProviderEvent } from '../src/server/events.ts'
import type { Handler } from '../src/server/handlers.ts'
import type { ServerSettings } from '../src/server/server.ts'
import { type Pki, SSP_FQDN } from './pki.ts'

/** The service roots by preset. */
export const ROOTS = {
  'v1.2': { path: '/GP0001/STU3/1/gpconnect', asid: '918999198993' },
  'v1.6': { path: '/GP0002/STU3/1/gpconnect', asid: '918999198994' },
  'v0.5': { path: '/GP0001/DSTU2/0/gpconnect', asid: '918999198995' },
  documents: { path: '/GP0001/STU3/1/gpconnect/documents', asid: '918999198996' },
} as const

export const PUBLIC_URL = 'https://provider.example.test'

/** Options that differ from the default practice. */
export interface PracticeOptions {
  readonly mode?: 'strict' | 'respond'
  /** Checks to leave out. */
  readonly without?: readonly string[]
  readonly server?: Partial<ServerSettings>
  readonly client?: Partial<ServerSettings['client']>
  readonly provider?: Partial<ProviderOptions>
  /** Middleware after the handlers. */
  readonly use?: Middleware
  /** Answers instead of the handlers. */
  readonly listener?: (provider: Provider) => Listener
  /** Options of the v1.2 root. */
  readonly root?: Partial<ServiceRootOptions>
}

/** A running practice. */
export interface Practice extends AsyncDisposable {
  readonly port: number
  readonly provider: RunningProvider
  readonly auditFile: string
  readonly events: readonly ProviderEvent[]
  /** The operational log, as JSON lines. */
  log(): string
  records(): AuditRecord[]
}

/** Starts a practice in a new folder, which is removed on disposal. */
export async function startPractice(pki: Pki, options: PracticeOptions = {}): Promise<Practice> {
  const folder = mkdtempSync(join(tmpdir(), 'gp-connect-practice-'))
  try {
    return await startIn(folder, pki, options)
  } catch (error) {
    // Some tests expect that it does not start.
    rmSync(folder, { recursive: true })
    throw error
  }
}

async function startIn(folder: string, pki: Pki, options: PracticeOptions): Promise<Practice> {
  const auditFile = join(folder, 'audit.jsonl')
  const events: ProviderEvent[] = []
  const lines: string[] = []
  const log = logEvents(
    pino(
      { level: 'debug', timestamp: pino.stdTimeFunctions.isoTime },
      { write: (line: string) => void lines.push(line) },
    ),
  )
  const { without = [] } = options
  const provider = assembleProvider(
    {
      serviceRoots: serviceRootsOf(options),
      publicUrl: PUBLIC_URL,
      rules: { requestedRecord: 'reject' },
      handlers: HANDLERS,
      audit: { file: auditFile },
      maxBodyBytes: 262_144,
      onEvent(event) {
        events.push(event)
        log(event)
      },
      ...options.provider,
    },
    (...given) => checks(...given).filter(({ name }) => !without.includes(name)),
  )
  if (options.use !== undefined) provider.app.use(options.use)
  const settings: ServerSettings = {
    // At a port that the kernel gives out, a client of another file's server that is gone could be recorded, too.
    port: await freePort(),
    host: '127.0.0.1',
    certFile: pki.path('server.pem'),
    keyFile: pki.path('server.key'),
    client: {
      caFiles: pki.caFiles,
      crlFiles: pki.crlFiles,
      fqdns: [SSP_FQDN],
      mode: options.mode ?? 'strict',
      ...options.client,
    },
    ...options.server,
  }
  const running = await provider.start(settings, options.listener?.(provider))
  return {
    port: running.port,
    provider: running,
    auditFile,
    events,
    log: () => lines.join(''),
    records: trailReader(auditFile),
    async [Symbol.asyncDispose]() {
      await running.stop({ graceSeconds: 0.1 })
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The records of a trail. What follows the last line end is still being written. */
export function readRecords(file: string): AuditRecord[] {
  const text = readFileSync(file, 'utf8')
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as AuditRecord)
}

/** Returns a function that reads only the lines added since its last call, because tests read the trail after each request. */
export function trailReader(file: string): () => AuditRecord[] {
  const records: AuditRecord[] = []
  let read = 0
  return () => {
    const bytes = readFileSync(file).subarray(read)
    const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1)
    read += whole.byteLength
    for (const line of whole.toString().split('\n')) if (line !== '') records.push(JSON.parse(line) as AuditRecord)
    return records
  }
}

function serviceRootsOf(options: PracticeOptions): ProviderOptions['serviceRoots'] {
  const add = [
    { id: 'urn:test:throw', method: 'GET', path: '__throw', scope: 'organization/*.read' },
    { id: 'urn:test:public-cache', method: 'GET', path: '__public-cache', scope: 'organization/*.read' },
  ] as const
  return Object.fromEntries(
    Object.entries(ROOTS).map(([preset, { path, asid }]) => {
      const root = preset === 'v1.2' ? options.root : {}
      return [path, { asid, preset: preset as keyof typeof ROOTS, add, ...root }]
    }),
  )
}

const BASE = 'urn:nhs:names:services:gpconnect:fhir:'
const STRUCTURED = 'urn:nhs:names:services:gpconnect:structured:fhir:'
const DOCUMENTS = 'urn:nhs:names:services:gpconnect:documents:fhir:'

// biome-ignore format: a table
const HANDLERS: Record<string, Handler> = {
  [`${BASE}rest:read:metadata`]:                      () => ({ resourceType: 'Conformance', status: 'active' }),
  [`${BASE}rest:read:metadata-1`]:                    metadata,
  [`${STRUCTURED}rest:read:metadata-1`]:              metadata,
  [`${DOCUMENTS}rest:read:metadata-1`]:               metadata,
  [`${BASE}rest:read:patient-1`]:                     read('Patient', 'PATIENT_NOT_FOUND'),
  [`${BASE}rest:read:practitioner-1`]:                read('Practitioner', 'PRACTITIONER_NOT_FOUND'),
  [`${BASE}rest:read:organization-1`]:                read('Organization', 'ORGANISATION_NOT_FOUND'),
  [`${BASE}rest:read:location-1`]:                    read('Location', 'NO_RECORD_FOUND'),
  [`${BASE}rest:read:appointment-1`]:                 read('Appointment', 'NO_RECORD_FOUND'),
  [`${BASE}rest:search:patient-1`]:                   searchset,
  [`${DOCUMENTS}rest:search:patient-1`]:              searchset,
  [`${BASE}rest:search:practitioner-1`]:              searchset,
  [`${BASE}rest:search:organization-1`]:              searchset,
  [`${BASE}rest:search:slot-1`]:                      searchset,
  [`${BASE}rest:search:patient_appointments-1`]:      searchset,
  [`${BASE}operation:gpc.getcarerecord`]:             searchset,
  [`${BASE}operation:gpc.getstructuredrecord-1`]:     searchset,
  [`${BASE}operation:gpc.migratestructuredrecord-1`]: searchset,
  [`${BASE}operation:gpc.registerpatient-1`]:         searchset,
  'urn:test:throw':                                   () => { throw new Error('the record of 9000000009 is odd') },
  'urn:test:public-cache':                            publicCache,
}

function metadata(): Resource {
  return {
    resourceType: 'CapabilityStatement',
    status: 'active',
    format: ['application/fhir+json', 'application/fhir+xml'],
  }
}

function searchset(): Resource {
  return { resourceType: 'Bundle', type: 'searchset', total: 0 }
}

function read(resourceType: string, absent: FailureCode): Handler {
  return ({ id }) => {
    if (id !== '1') throw new ProviderError(absent)
    return { resourceType, id }
  }
}

function publicCache(_transaction: unknown, ctx: Parameters<Handler>[1]): Resource {
  ctx.set('Cache-Control', 'public, max-age=3600')
  return metadata()
}
