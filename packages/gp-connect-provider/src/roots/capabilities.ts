/** The capabilities of GP Connect that a practice switches on and off, each on its own. */
import type { Interaction } from './interactions.ts'

/**
 * The capability of an interaction; undefined if it is one of the foundations, which are on as soon as the practice is. An
 * interaction of one's own can name its own.
 */
export function capabilityOf({ id, capability }: Interaction): string | undefined {
  return capability ?? CAPABILITIES.find(([pattern]) => pattern.test(id))?.[1]
}

const CAPABILITIES: readonly (readonly [pattern: RegExp, capability: string])[] = [
  [/:gpc\.getcarerecord$/, 'html'],
  [/^urn:nhs:names:services:gpconnect:structured:|:gpc\.(get|migrate)structuredrecord-1$/, 'structured'],
  [/^urn:nhs:names:services:gpconnect:documents:/, 'documents'],
  [
    /^urn:nhs:names:services:gpconnect:fhir:rest:[a-z]+:(slot|appointment|patient_appointments|healthcareservice)-1$/,
    'appointments',
  ],
]
