/** Reads and sends conformance cases, and compares the answers with what they expect. */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { exchange, type KeptConnection, plain, type Reply, requestBytes, type Target } from '../client.ts'
import type { ClientName, Pki } from '../pki.ts'
import { makeToken, type Release, type TokenOverrides } from '../token.ts'

/** One case, from the fixture file or from the tables in this folder. */
export interface Case {
  readonly id: string
  readonly profiles: readonly string[]
  readonly request: {
    readonly method: string
    readonly path: string
    readonly headers: Readonly<Record<string, string | readonly string[] | null>>
    readonly rawAuthorization?: string | null
    readonly jwtOverrides?: TokenOverrides
    readonly body?: string
    readonly rawBytes?: string
    readonly tls: {
      readonly protocol: string
      readonly clientCert: ClientName | 'none'
      readonly ciphers?: string
      readonly plaintext?: boolean
      readonly noHandshake?: boolean
      readonly sequence?: readonly string[]
      readonly serverState?: string
    }
  }
  readonly expect: Expectation
}

/** The expected answer. */
export interface Expectation {
  readonly status?: number | readonly number[] | { readonly not: number }
  readonly body?: string
  readonly contentType?: string
  readonly severity?: string
  readonly issueCode?: string
  readonly spineErrorCode?: string
  readonly spineErrorCodeAnyOf?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
  readonly bodyJson?: Readonly<Record<string, string>>
  readonly bodyNotContains?: readonly string[]
  readonly operationalLogNotContains?: readonly string[]
  readonly connection?: string
  readonly tls?: { readonly cipher: string }
  readonly audit?: { readonly entries: number; readonly hasFields: readonly string[] }
  readonly anyOf?: readonly Expectation[]
}

/** A server under test. */
export interface Subject {
  readonly port: number
  readonly pki: Pki
  readonly mode: 'strict' | 'respond'
  /** Path and ASID of the service root for a profile. */
  root(profile: string): { readonly path: string; readonly asid: string }
  readonly otherAsid: string
  readonly publicUrl: string
  /** A connection that is shared by cases that need no connection of their own. */
  readonly kept?: KeptConnection
  log(): string
  records(): readonly object[]
}

/** The cases of the fixture file. */
export function fixtureCases(): readonly Case[] {
  const text = readFileSync(new URL('../fixtures/cases.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { cases: readonly Case[] }).cases
}

/**
 * Whether a case may end differently in the two modes. A mode says what happens to a refused certificate, and to nothing
 * else: so a case of any other certificate than the usual one, of several connections, and of the audit trail.
 */
export function dependsOnMode({ request: { tls }, expect: { audit } }: Case): boolean {
  return tls.clientCert !== 'ssp-valid' || tls.sequence !== undefined || audit !== undefined
}

/** Runs one case and resolves to its problems; empty if it passes. */
export async function runCase(one: Case, profile: string, subject: Subject): Promise<readonly string[]> {
  const { tls } = one.request
  const traceId = randomUUID()
  const recordsBefore = subject.records().length
  if (tls.noHandshake === true) return (await silent(subject.port)).length === 0 ? [] : ['received bytes']
  if (tls.plaintext === true) {
    const bytes = await plain(subject.port, requestOf(one, profile, subject, traceId).toString())
    return bytes.length === 0 ? [] : ['plain HTTP was answered']
  }
  if (tls.ciphers !== undefined && one.expect.connection === 'client-config-error') return []
  const target = targetOf(one, subject)
  const request = requestOf(one, profile, subject, traceId)
  if (needsNoHandshake(one) && subject.kept !== undefined) {
    const reply = await subject.kept.send(request, one.request.method === 'HEAD')
    return [
      ...compare(one.expect, reply, profile, subject, traceId),
      ...(await compareAudit(one, reply, subject, recordsBefore)),
    ]
  }
  const reply =
    tls.sequence === undefined ? await exchange(target, request) : await afterRevocation(target, request, subject)
  const problems = compare(one.expect, reply, profile, subject, traceId)
  if (tls.sequence === undefined) problems.push(...(await compareAudit(one, reply, subject, recordsBefore)))
  return problems
}

/** Whether a case can use the shared connection. All other cases, and all of the fixture file, open their own. */
function needsNoHandshake({ id, request: { rawBytes, tls } }: Case): boolean {
  return (
    id.startsWith('own: ') &&
    rawBytes === undefined &&
    tls.clientCert === 'ssp-valid' &&
    tls.protocol === 'TLSv1.2' &&
    tls.ciphers === undefined
  )
}

/** The bytes of a case's request. */
export function requestOf(one: Case, profile: string, subject: Subject, traceId: string): Buffer {
  const { request } = one
  const fill = filler(one, profile, subject, traceId)
  if (request.rawBytes !== undefined) return Buffer.from(fill(request.rawBytes))
  const headers: [string, string][] = []
  for (const [name, value] of Object.entries(request.headers)) {
    for (const item of value === null ? [] : typeof value === 'string' ? [value] : value)
      headers.push([name, forRelease(name, fill(item), profile)])
  }
  const authorization = request.rawAuthorization === undefined ? 'Bearer {{jwt}}' : request.rawAuthorization
  if (authorization !== null && !('Authorization' in request.headers))
    headers.push(['Authorization', fill(authorization)])
  const body = request.body === '{{gzip_bomb}}' ? gzipBomb() : fill(request.body ?? '')
  return requestBytes(
    request.method,
    fill(request.path),
    headers,
    body,
    needsNoHandshake(one) && subject.kept ? 'keep-alive' : 'close',
  )
}

function targetOf({ request: { tls } }: Case, { port, pki }: Subject): Target {
  const version = tls.protocol as NonNullable<ConnectionOptions['minVersion']>
  return {
    port,
    ca: pki.caPem,
    credentials: pki.credentials(tls.clientCert),
    tls: { minVersion: version, maxVersion: version, ...(tls.ciphers !== undefined && { ciphers: tls.ciphers }) },
  }
}

/** Replaces `{{names}}`. */
function filler(one: Case, profile: string, subject: Subject, traceId: string): (text: string) => string {
  const root = subject.root(profile)
  const release: Release = profile === '0.x' ? '0.x' : '1.x'
  const audience = release === '0.x' ? 'https://authorize.fhir.nhs.net/token' : `${subject.publicUrl}${root.path}`
  const values: Record<string, string> = {
    base: root.path,
    asid_to: root.asid,
    asid_from: '200000000359',
    asid_of_other_practice: subject.otherAsid,
    trace_id: traceId,
    service_root_url: audience,
    patient_id: '1',
    org_id: '1',
    ods_code: 'GPCA0001',
    practitioner_id: '1',
    sds_user_id: 'GCASDS0001',
    location_id: '1',
    appointment_id: '1',
    nhs_number: '9000000009',
    nhs_number_other: '9000000017',
    today: day(0),
    today_plus_7: day(7),
    today_plus_14: day(14),
    getcarerecord_body: patientParameters('http://fhir.nhs.net/Id/nhs-number'),
    structured_body: patientParameters('https://fhir.nhs.uk/Id/nhs-number'),
    migrate_body: patientParameters('https://fhir.nhs.uk/Id/nhs-number'),
    register_body: JSON.stringify({
      resourceType: 'Parameters',
      parameter: [{ name: 'registerPatient', resource: { resourceType: 'Patient', active: true } }],
    }),
    test_throw_interaction: 'urn:test:throw',
    test_public_cache_interaction: 'urn:test:public-cache',
  }
  const plainFill = (text: string): string =>
    text
      .replace(/\{\{repeat:(.):(\d+)\}\}/g, (_, character: string, count: string) => character.repeat(Number(count)))
      .replace(/\{\{(\w+)\}\}/g, (written, name: string) => values[name] ?? written)
  const overrides = JSON.parse(plainFill(JSON.stringify(one.request.jwtOverrides ?? {}))) as TokenOverrides
  const { header, payload, token } = makeToken(audience, overrides, release)
  Object.assign(values, { jwt: token, jwt_header_json: header, jwt_payload_json: payload })
  return plainFill
}

/** Converts a header value to 0.x: interaction IDs without `-1`, and `json+fhir` instead of `fhir+json`. */
function forRelease(name: string, value: string, profile: string): string {
  if (profile !== '0.x') return value
  if (name === 'Ssp-InteractionID') return value.replace(/-1( *)$/, '$1')
  return value.replace(/application\/fhir\+(json|xml)/, 'application/$1+fhir')
}

function compare(expected: Expectation, reply: Reply, profile: string, subject: Subject, traceId: string): string[] {
  if (expected.anyOf !== undefined) {
    // A refused certificate has one right answer in each mode: none in strict, 495 or 496 in respond.
    const ofCertificate = expected.anyOf.some(({ status }) => [status].flat().some((one) => one === 495 || one === 496))
    const alternatives = expected.anyOf.filter(
      ({ connection }) => !ofCertificate || (connection !== undefined) === (subject.mode === 'strict'),
    )
    const results = alternatives.map((one) => compare(one, reply, profile, subject, traceId))
    return results.some((problems) => problems.length === 0) ? [] : results.flat()
  }
  const problems: string[] = []
  const check = (what: string, wanted: unknown, got: unknown): void => {
    if (wanted !== undefined && wanted !== got) problems.push(`${what} is ${String(got)}, not ${String(wanted)}`)
  }
  if (expected.connection !== undefined) return judgeConnection(expected.connection, reply)
  if (expected.status !== undefined && !statusFits(expected.status, reply.status)) {
    problems.push(`status is ${reply.status}, not ${JSON.stringify(expected.status)}`)
  }
  check('cipher', expected.tls?.cipher, reply.cipher)
  for (const [name, rule] of Object.entries(expected.headers ?? {})) {
    if (!headerFits(rule, reply.headers[name.toLowerCase()]))
      problems.push(`${name} is ${reply.headers[name.toLowerCase()]}`)
  }
  if (expected.contentType !== undefined) {
    const [type] = (reply.headers['content-type'] ?? '').split(';')
    check('content type', forRelease('', expected.contentType, profile), type)
  }
  if (expected.body !== undefined) problems.push(...judgeBody(expected, reply, profile))
  const fill = (text: string): string => text.replace('{{nhs_number}}', '9000000009').replace('{{trace_id}}', traceId)
  for (const text of expected.bodyNotContains ?? [])
    if (reply.body.includes(fill(text))) problems.push(`the body contains ${text}`)
  for (const text of expected.operationalLogNotContains ?? [])
    if (subject.log().includes(fill(text))) problems.push(`the log contains ${text}`)
  return problems
}

function judgeConnection(expected: string, reply: Reply): string[] {
  if (expected === 'handshake-failure') return reply.handshaken ? ['the handshake ended well'] : []
  if (expected === 'closed-or-rejected' && (reply.status === 495 || reply.status === 496)) return []
  return reply.bytes.length === 0 ? [] : [`${reply.bytes.length} bytes of HTTP received, status ${reply.status}`]
}

function judgeBody(expected: Expectation, reply: Reply, profile: string): string[] {
  const problems: string[] = []
  const wanted = profile === '0.x' && expected.body === 'CapabilityStatement' ? 'Conformance' : expected.body
  if (reply.headers['content-type']?.includes('xml') === true) {
    return reply.body.includes(`<${wanted} xmlns="http://hl7.org/fhir">`) ? [] : [`the body is not a ${wanted} in XML`]
  }
  let body: unknown
  try {
    body = JSON.parse(reply.body)
  } catch {
    return [`the body is not JSON: ${reply.body.slice(0, 100)}`]
  }
  const check = (pointer: string, rule: string | undefined): void => {
    const value = at(body, pointer)
    if (rule === undefined || (rule === 'present' && value !== undefined)) return
    if (rule.startsWith('length:') && Array.isArray(value) && value.length === Number(rule.slice(7))) return
    if (value !== rule) problems.push(`${pointer} is ${JSON.stringify(value)}, not ${rule}`)
  }
  check('/resourceType', wanted)
  check('/issue/0/severity', expected.severity)
  check('/issue/0/code', expected.issueCode)
  check('/issue/0/details/coding/0/code', expected.spineErrorCode)
  for (const [pointer, rule] of Object.entries(expected.bodyJson ?? {})) check(pointer, rule)
  const code = String(at(body, '/issue/0/details/coding/0/code'))
  if (expected.spineErrorCodeAnyOf?.includes(code) === false) problems.push(`the Spine code is ${code}`)
  return problems
}

/** Expects one record for each answer and each refused certificate, and none for a failed handshake. */
async function compareAudit(one: Case, reply: Reply, subject: Subject, before: number): Promise<string[]> {
  const refused = one.expect.anyOf?.some(({ connection }) => connection === 'closed') === true
  const entries = reply.status !== undefined || refused ? 1 : 0
  await until(() => subject.records().length >= before + entries)
  const records = subject.records().slice(before) as Record<string, unknown>[]
  if (records.length !== entries) {
    const codes = records.map(({ errorCode, status }) => `${errorCode} ${status}`)
    return [`${records.length} audit records (${codes.join(', ')}), not ${entries}`]
  }
  const statuses = records.filter(({ status }) => (status ?? undefined) !== reply.status)
  const { hasFields = [] } = one.expect.audit ?? {}
  return hasFields
    .map((name) => AUDIT_NAMES[name] ?? name)
    .filter((name) => records.some((record) => record[name] === undefined || record[name] === null))
    .map((name) => `the audit record has no ${name}`)
    .concat(statuses.map(({ status }) => `the audit record has status ${String(status)}, not ${reply.status}`))
}

/** The fields of a record by their names in the cases. */
const AUDIT_NAMES: Record<string, string> = {
  fromAsid: 'from',
  toAsid: 'to',
  organisationOds: 'organization',
  httpStatus: 'status',
  reason: 'errorCode',
}

function statusFits(expected: NonNullable<Expectation['status']>, status: number | undefined): boolean {
  if (status === undefined) return false
  if (typeof expected === 'number') return status === expected
  return 'not' in expected ? status !== expected.not : expected.includes(status)
}

function headerFits(rule: string, value: string | undefined): boolean {
  if (value === undefined) return false
  if (rule === 'present') return true
  if (rule.startsWith('contains:')) return value.includes(rule.slice('contains:'.length))
  return value === rule.replace(/^equals:/, '')
}

function at(value: unknown, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((found, name) => (found as Record<string, unknown> | undefined)?.[name], value)
}

/** Connects, revokes the certificate, and reconnects with the same session. Waits for the record of each connection. */
async function afterRevocation(target: Target, request: Buffer, subject: Subject): Promise<Reply> {
  const { pki } = subject
  const before = subject.records().length
  const first = await exchange(target, request)
  let connections = 1
  await pki.revoke(['ssp-revoked', 'ssp-soon-revoked'])
  try {
    let last = first
    const resumed = { ...target, tls: { ...target.tls, ...(first.session && { session: first.session }) } }
    await until(async () => {
      last = await exchange(resumed, request)
      connections += 1
      return last.status !== 200
    }, HANDSHAKE_MILLISECONDS)
    await until(() => subject.records().length >= before + connections)
    await settled(subject)
    return last
  } finally {
    await pki.revoke(['ssp-revoked'])
  }
}

/** Waits until no record is added. A request that is running when its certificate is revoked has one of its own, and its answer too. */
async function settled(subject: Subject): Promise<void> {
  let count = -1
  await until(async () => {
    const earlier = count
    await new Promise((resolve) => setTimeout(resolve, 200))
    count = subject.records().length
    return count === earlier
  })
}

/** Opens a connection that sends nothing, and waits until the server closes it. */
function silent(port: number): Promise<Buffer> {
  return plain(port, '')
}

/** Between two handshakes that ask whether a revocation is known yet: each costs both sides. */
const HANDSHAKE_MILLISECONDS = 100

/** Waits for a condition, for up to thirty seconds. */
export async function until(condition: () => boolean | Promise<boolean>, betweenMilliseconds = 10): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('timed out after thirty seconds waiting for a condition')
    await new Promise((resolve) => setTimeout(resolve, betweenMilliseconds))
  }
}

let bomb: Buffer | undefined

function gzipBomb(): Buffer {
  // 200 MB, of twenty members that are the same: compressing all of it would take a second.
  bomb ??= Buffer.concat(Array(20).fill(gzipSync(Buffer.alloc(10_000_000), { level: 9 })))
  return bomb
}

function patientParameters(system: string): string {
  return JSON.stringify({
    resourceType: 'Parameters',
    parameter: [{ name: 'patientNHSNumber', valueIdentifier: { system, value: '9000000009' } }],
  })
}

function day(after: number): string {
  return new Date(Date.now() + after * 86_400_000).toISOString().slice(0, 10)
}
