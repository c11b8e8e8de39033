/** The interactions of the GP Connect specification, and the presets that group them by release. */
import type { FhirRelease } from '../fhir/format.ts'
import { DEFAULT_RULES, type Rules } from '../rules.ts'

/** An interaction: its ID, its method, its path below the service root and its scope. */
export interface Interaction {
  readonly id: string
  readonly method: (typeof INTERACTION_METHODS)[number]
  /** Relative to the service root, without a leading slash: `Patient/{id}`. Empty for the root itself. */
  readonly path: string
  /** The `requested_scope` that the endpoint needs. A POST that only reads data needs a read scope. */
  readonly scope: Scope
  /** GP to GP transfer: practitioner details are optional. */
  readonly migration?: boolean
  /** Whether the scope may ask for restricted data too, with `conf/R`. The handler checks who asks. */
  readonly restricted?: boolean
  /** The capability with which it is switched on and off; by default that of the specification. */
  readonly capability?: string
}

/** The methods that an interaction can have. No release uses PATCH or DELETE, but interactions of one's own may. */
export const INTERACTION_METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/** The four values of `requested_scope`. */
export type Scope = 'patient/*.read' | 'patient/*.write' | 'organization/*.read' | 'organization/*.write'

/** The defaults of a service root. */
export interface Preset {
  readonly fhir: FhirRelease
  readonly interactions: readonly Interaction[]
  readonly rules: Rules
}

/** Releases of the specification with a preset. */
export type PresetName = 'v0.5' | 'v1.2' | 'v1.3' | 'v1.5' | 'v1.6' | 'documents'

const BASE = 'urn:nhs:names:services:gpconnect:fhir:'
const STRUCTURED = 'urn:nhs:names:services:gpconnect:structured:fhir:'
const DOCUMENTS = 'urn:nhs:names:services:gpconnect:documents:fhir:'

const PATIENT_READ = 'patient/*.read'
const PATIENT_WRITE = 'patient/*.write'
const ORGANIZATION_READ = 'organization/*.read'

// biome-ignore format: a table
const RELEASE_0: readonly Interaction[] = [
  { id: `${BASE}rest:read:metadata`,                  method: 'GET',  path: 'metadata',                            scope: ORGANIZATION_READ },
  { id: `${BASE}operation:gpc.getcarerecord`,         method: 'POST', path: 'Patient/$gpc.getcarerecord',          scope: PATIENT_READ },
]

// biome-ignore format: a table
const RELEASE_1: readonly Interaction[] = [
  { id: `${BASE}rest:read:metadata-1`,                method: 'GET',  path: 'metadata',                            scope: ORGANIZATION_READ },
  { id: `${BASE}rest:read:patient-1`,                 method: 'GET',  path: 'Patient/{id}',                        scope: PATIENT_READ },
  { id: `${BASE}rest:search:patient-1`,               method: 'GET',  path: 'Patient',                             scope: PATIENT_READ },
  { id: `${BASE}rest:read:practitioner-1`,            method: 'GET',  path: 'Practitioner/{id}',                   scope: ORGANIZATION_READ },
  { id: `${BASE}rest:search:practitioner-1`,          method: 'GET',  path: 'Practitioner',                        scope: ORGANIZATION_READ },
  { id: `${BASE}rest:read:organization-1`,            method: 'GET',  path: 'Organization/{id}',                   scope: ORGANIZATION_READ },
  { id: `${BASE}rest:search:organization-1`,          method: 'GET',  path: 'Organization',                        scope: ORGANIZATION_READ },
  { id: `${BASE}rest:read:location-1`,                method: 'GET',  path: 'Location/{id}',                       scope: ORGANIZATION_READ },
  { id: `${BASE}operation:gpc.registerpatient-1`,     method: 'POST', path: 'Patient/$gpc.registerpatient',        scope: PATIENT_WRITE },
  { id: `${BASE}rest:search:slot-1`,                  method: 'GET',  path: 'Slot',                                scope: ORGANIZATION_READ },
  { id: `${BASE}rest:read:appointment-1`,             method: 'GET',  path: 'Appointment/{id}',                    scope: PATIENT_READ },
  { id: `${BASE}rest:create:appointment-1`,           method: 'POST', path: 'Appointment',                         scope: PATIENT_WRITE },
  { id: `${BASE}rest:update:appointment-1`,           method: 'PUT',  path: 'Appointment/{id}',                    scope: PATIENT_WRITE },
  { id: `${BASE}rest:cancel:appointment-1`,           method: 'PUT',  path: 'Appointment/{id}',                    scope: PATIENT_WRITE },
  { id: `${BASE}rest:search:patient_appointments-1`,  method: 'GET',  path: 'Patient/{id}/Appointment',            scope: PATIENT_READ },
  { id: `${BASE}operation:gpc.getstructuredrecord-1`, method: 'POST', path: 'Patient/$gpc.getstructuredrecord',    scope: PATIENT_READ },
  { id: `${STRUCTURED}rest:read:metadata-1`,          method: 'GET',  path: 'metadata',                            scope: ORGANIZATION_READ },
]

// biome-ignore format: a table
const HEALTHCARE_SERVICES: readonly Interaction[] = [
  { id: `${BASE}rest:read:healthcareservice-1`,       method: 'GET',  path: 'HealthcareService/{id}',              scope: ORGANIZATION_READ },
  { id: `${BASE}rest:search:healthcareservice-1`,     method: 'GET',  path: 'HealthcareService',                   scope: ORGANIZATION_READ },
]

// biome-ignore format: a table
const DOCUMENT_ACCESS: readonly Interaction[] = [
  { id: `${DOCUMENTS}rest:read:metadata-1`,           method: 'GET',  path: 'metadata',                            scope: ORGANIZATION_READ },
  { id: `${DOCUMENTS}rest:search:patient-1`,          method: 'GET',  path: 'Patient',                             scope: PATIENT_READ },
  { id: `${DOCUMENTS}rest:search:documentreference-1`,method: 'GET',  path: 'Patient/{id}/DocumentReference',      scope: PATIENT_READ },
  { id: `${DOCUMENTS}rest:read:binary-1`,             method: 'GET',  path: 'Binary/{id}',                         scope: PATIENT_READ },
]

// biome-ignore format: a table
const MIGRATION: readonly Interaction[] = [
  { id: `${BASE}operation:gpc.migratestructuredrecord-1`, method: 'POST', path: 'Patient/$gpc.migratestructuredrecord', scope: PATIENT_READ, migration: true, restricted: true },
  { id: `${DOCUMENTS}rest:migrate:binary-1`,              method: 'GET',  path: 'Binary/{id}',                          scope: PATIENT_READ, migration: true, restricted: true },
]

/**
 * Where release 1.6.0 allows `conf/R`: the structured record, its migration, and the search for and retrieval of documents
 * (nhsconnect/gpconnect at 48b5e69, integration_cross_organisation_audit_and_provenance.md, lines 220 and 221).
 */
const RESTRICTED: ReadonlySet<string> = new Set([
  `${BASE}operation:gpc.getstructuredrecord-1`,
  `${DOCUMENTS}rest:search:documentreference-1`,
  `${DOCUMENTS}rest:read:binary-1`,
])

const RELEASE_1_6: readonly Interaction[] = [
  ...[...RELEASE_1, ...DOCUMENT_ACCESS].map((one) => (RESTRICTED.has(one.id) ? { ...one, restricted: true } : one)),
  ...MIGRATION,
]

const RULES_0: Rules = { ...DEFAULT_RULES, unknownResourceType: 400 }
const RULES_1_6: Rules = { ...DEFAULT_RULES, reasons: ['directcare', 'migration'], confidentiality: true }

/** The presets by release of the specification. */
// biome-ignore format: a table
export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  'v0.5':    { fhir: 'DSTU2', rules: RULES_0,       interactions: RELEASE_0 },
  'v1.2':    { fhir: 'STU3',  rules: DEFAULT_RULES, interactions: [...RELEASE_1, ...HEALTHCARE_SERVICES] },
  'v1.3':    { fhir: 'STU3',  rules: DEFAULT_RULES, interactions: RELEASE_1 },
  'v1.5':    { fhir: 'STU3',  rules: DEFAULT_RULES, interactions: [...RELEASE_1, ...DOCUMENT_ACCESS] },
  'v1.6':    { fhir: 'STU3',  rules: RULES_1_6,     interactions: RELEASE_1_6 },
  documents: { fhir: 'STU3',  rules: DEFAULT_RULES, interactions: DOCUMENT_ACCESS },
}

/**
 * The preset for each release of the specification, without its patch number. 1.3 and 1.4 have no healthcare services; 1.7 has
 * the interactions of 1.6.
 */
export const RELEASES = {
  '0.5': 'v0.5',
  '0.7': 'v0.5',
  '1.2': 'v1.2',
  '1.3': 'v1.3',
  '1.4': 'v1.3',
  '1.5': 'v1.5',
  '1.6': 'v1.6',
  '1.7': 'v1.6',
} as const satisfies Record<string, PresetName>

/** A release with or without its patch number: `1.6` or `1.6.2`. */
export type Release = keyof typeof RELEASES | `${keyof typeof RELEASES}.${number}`

/** The preset with a name, or that of a release. Undefined if there is none. */
export function presetOf(name: unknown): Preset | undefined {
  if (typeof name !== 'string') return undefined
  if (Object.hasOwn(PRESETS, name)) return PRESETS[name as PresetName]
  const release = /^(\d+\.\d+)(?:\.\d+)?$/.exec(name)?.[1] ?? ''
  return Object.hasOwn(RELEASES, release) ? PRESETS[RELEASES[release as keyof typeof RELEASES]] : undefined
}
