/** Builds bearer tokens, valid or invalid in every way. */
import { readFileSync } from 'node:fs'

/** Changes to the default token. Pointers are JSON pointers into the payload. */
export interface TokenOverrides {
  readonly set?: Readonly<Record<string, unknown>>
  readonly remove?: readonly string[]
  /** Offset of iat from now; default -2. */
  readonly iatOffsetSeconds?: number
  /** Default 300. */
  readonly expAfterIatSeconds?: number
  readonly header?: unknown
  readonly signature?: string
  readonly omitTrailingDot?: boolean
  readonly encoding?: 'base64' | 'base64url-padded'
  readonly rawPayload?: string
  readonly renameClaim?: Readonly<Record<string, string>>
  /** A name and the second value it gets. */
  readonly rawPayloadDuplicateKey?: readonly [string, unknown]
  readonly padPayloadBytes?: number
  readonly nestDepth?: number
  readonly removeIdentifiersExcept?: Readonly<Record<string, readonly string[]>>
}

/** The release whose default token is used. */
export type Release = '0.x' | '1.x'

type Json = Record<string, unknown>

const FIXTURE = JSON.parse(readFileSync(new URL('./fixtures/cases.json', import.meta.url), 'utf8')) as {
  jwtDefault: { header: Json; payload: Json }
}

/** The parts of a token before encoding, and the token. */
export function makeToken(
  audience: string,
  overrides: TokenOverrides = {},
  release: Release = '1.x',
): { readonly header: string; readonly payload: string; readonly token: string } {
  const header = JSON.stringify(overrides.header ?? FIXTURE.jwtDefault.header)
  const payload = overrides.rawPayload ?? payloadText(audience, overrides, release)
  const token = `${encode(header, overrides.encoding)}.${encode(payload, overrides.encoding)}`
  return {
    header,
    payload,
    token: overrides.omitTrailingDot === true ? token : `${token}.${overrides.signature ?? ''}`,
  }
}

function payloadText(audience: string, overrides: TokenOverrides, release: Release): string {
  const iat = Math.floor(Date.now() / 1000) + (overrides.iatOffsetSeconds ?? -2)
  const payload: Json = {
    ...structuredClone(FIXTURE.jwtDefault.payload),
    aud: audience,
    exp: iat + (overrides.expAfterIatSeconds ?? 300),
    iat,
    ...(release === '0.x' && release0()),
  }
  for (const [pointer, systems] of Object.entries(overrides.removeIdentifiersExcept ?? {})) {
    const identifiers = get(payload, pointer) as { system: string }[]
    set(
      payload,
      pointer,
      identifiers.filter(({ system }) => systems.map((one) => systemOf(one, release)).includes(system)),
    )
  }
  for (const [pointer, value] of Object.entries(overrides.set ?? {})) set(payload, pointer, value)
  for (const pointer of overrides.remove ?? []) remove(payload, pointer)
  for (const [from, to] of Object.entries(overrides.renameClaim ?? {})) {
    payload[to] = payload[from]
    delete payload[from]
  }
  if (overrides.padPayloadBytes !== undefined) payload['padding'] = 'x'.repeat(overrides.padPayloadBytes)
  const text = JSON.stringify(payload)
  const additions = [
    ...(overrides.nestDepth === undefined
      ? []
      : [`"nested":${'['.repeat(overrides.nestDepth)}${']'.repeat(overrides.nestDepth)}`]),
    ...(overrides.rawPayloadDuplicateKey === undefined
      ? []
      : [
          `${JSON.stringify(overrides.rawPayloadDuplicateKey[0])}:${JSON.stringify(overrides.rawPayloadDuplicateKey[1])}`,
        ]),
  ]
  return additions.length === 0 ? text : `${text.slice(0, -1)},${additions.join(',')}}`
}

/** The claims that differ in 0.x. */
function release0(): Json {
  return {
    aud: 'https://authorize.fhir.nhs.net/token',
    requested_record: {
      resourceType: 'Patient',
      identifier: [{ system: 'http://fhir.nhs.net/Id/nhs-number', value: '9000000009' }],
    },
    requesting_device: {
      resourceType: 'Device',
      id: '1',
      identifier: [{ system: 'GPConnectTestSystem', value: 'Client' }],
      model: 'v1',
      version: '1.1',
    },
    requesting_organization: {
      resourceType: 'Organization',
      id: '1',
      identifier: [{ system: 'http://fhir.nhs.net/Id/ods-organization-code', value: 'GPCA0001' }],
      name: 'GP Connect Assurance',
    },
    requesting_practitioner: {
      resourceType: 'Practitioner',
      id: '1',
      identifier: [
        { system: 'http://fhir.nhs.net/sds-user-id', value: 'GCASDS0001' },
        { system: 'LocalIdentifierSystem', value: '1' },
      ],
      name: { family: ['AssurancePractitioner'], given: ['AssuranceTest'], prefix: ['Mr'] },
      practitionerRole: [
        {
          role: { coding: [{ system: 'http://fhir.nhs.net/ValueSet/sds-job-role-name-1', code: 'AssuranceJobRole' }] },
        },
      ],
    },
  }
}

function systemOf(system: string, release: Release): string {
  return release === '0.x'
    ? system.replace('https://fhir.nhs.uk/Id/sds-user-id', 'http://fhir.nhs.net/sds-user-id')
    : system
}

function encode(text: string, encoding: TokenOverrides['encoding']): string {
  const bytes = Buffer.from(text)
  if (encoding === undefined) return bytes.toString('base64url')
  const base64 = bytes.toString('base64')
  return encoding === 'base64' ? base64 : base64.replaceAll('+', '-').replaceAll('/', '_')
}

function walk(root: Json, pointer: string): { parent: Json; name: string } {
  const names = pointer.split('/').slice(1)
  const name = names.pop() ?? ''
  let parent = root
  for (const one of names) parent = parent[one] as Json
  return { parent, name }
}

function get(root: Json, pointer: string): unknown {
  const { parent, name } = walk(root, pointer)
  return parent[name]
}

function set(root: Json, pointer: string, value: unknown): void {
  const { parent, name } = walk(root, pointer)
  parent[name] = value
}

function remove(root: Json, pointer: string): void {
  const { parent, name } = walk(root, pointer)
  if (Array.isArray(parent)) parent.splice(Number(name), 1)
  else delete parent[name]
}
