/** Validates resources strictly: only elements that the FHIR release has, each of the right type. */

import { isObject } from '../strict-json.ts'
import { DATA_TYPE_ELEMENTS, ELEMENTS, type Elements, RESOURCE_ELEMENTS } from './elements.ts'
import type { FhirRelease } from './format.ts'

/**
 * Checks a resource against the elements of its type. A null element counts as absent, and the check that requires it
 * reports it. In DSTU2 a list may be a single value and the other way round, as in the published examples of 0.x.
 */
export function isStrictResource(resource: Record<string, unknown>, type: string, release: FhirRelease): boolean {
  return hasOnly(resource, ELEMENTS[release][type], RESOURCE_ELEMENTS, release)
}

function hasOnly(
  value: Record<string, unknown>,
  elements: Elements | undefined,
  common: Elements,
  release: FhirRelease,
): boolean {
  if (elements === undefined) return false
  for (const name of Object.keys(value)) {
    const sibling = name.startsWith('_')
    const base = sibling ? name.slice(1) : name
    const type = own(elements, base) ?? own(common, base)
    if (type === undefined) return false
    if (sibling ? !isPrimitive(type) : !fits(value[name], type, release)) return false
  }
  return true
}

function fits(value: unknown, type: string, release: FhirRelease): boolean {
  if (value === null) return true
  const list = type.endsWith('*')
  const item = list ? type.slice(0, -1) : type
  if (Array.isArray(value)) {
    if (!list && release === 'STU3') return false
    return value.every((one) => fitsOne(one, item, release))
  }
  return (!list || release === 'DSTU2') && fitsOne(value, item, release)
}

function fitsOne(value: unknown, type: string, release: FhirRelease): boolean {
  if (value === null) return true
  if (type === 'any') return isObject(value)
  if (type === 'string' || type === 'boolean' || type === 'number') return typeof value === type
  if (!isObject(value)) return false
  if (type === 'Extension') return typeof value['url'] === 'string'
  return hasOnly(value, ELEMENTS[release][type], DATA_TYPE_ELEMENTS, release)
}

function isPrimitive(type: string): boolean {
  return type.startsWith('string') || type === 'boolean' || type === 'number'
}

/** Looks up own properties only: a token can contain inherited names such as `constructor`. */
function own(elements: Elements, name: string): string | undefined {
  return Object.hasOwn(elements, name) ? elements[name] : undefined
}
