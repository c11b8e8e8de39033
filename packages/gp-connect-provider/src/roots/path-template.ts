/** Paths relative to a service root, matched segment by segment on the raw request target. */

/** `Patient/{id}/Appointment`, in parts. */
export type PathTemplate = readonly string[]

/** The id of a path that fits; the end of a path whose last id is empty; nothing of any other. */
export type PathMatch =
  | { readonly fits: true; readonly id: string | undefined }
  | { readonly fits: false; readonly emptyId: boolean }

/** Splits `Patient/{id}` for matchPath. */
export function pathTemplate(path: string): PathTemplate {
  return path.split('/')
}

/**
 * Matches a path without its leading slash and query. Nothing is decoded: `%2f`, `%2e`, empty, `.` and `..` segments
 * fit no template, so a router downstream sees the same path as this check.
 */
export function matchPath(template: PathTemplate, segments: readonly string[]): PathMatch {
  if (segments.length !== template.length) return MISFIT
  let id: string | undefined
  for (let at = 0; at < template.length; at++) {
    const expected = template[at]
    const segment = segments[at] ?? ''
    if (expected !== ID) {
      if (segment !== expected) return MISFIT
    } else if (segment === '' && at === template.length - 1) {
      return EMPTY_ID
    } else if (isFhirId(segment)) {
      id = segment
    } else {
      return MISFIT
    }
  }
  return { fits: true, id }
}

/** A FHIR id that is no relative path segment. */
export function isFhirId(text: string): boolean {
  return FHIR_ID.test(text) && text !== '.' && text !== '..'
}

const ID = '{id}'
const FHIR_ID = /^[A-Za-z0-9\-.]{1,64}$/
const MISFIT: PathMatch = { fits: false, emptyId: false }
const EMPTY_ID: PathMatch = { fits: false, emptyId: true }
