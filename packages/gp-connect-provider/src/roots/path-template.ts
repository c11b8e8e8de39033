/** Matches paths below a service root, segment by segment, without decoding them. */

/** The segments of a path such as `Patient/{id}/Appointment`. */
export type PathTemplate = readonly string[]

/** Whether a path matches, and its id. `emptyId`: it would match if its last segment had an id. */
export type PathMatch =
  | { readonly fits: true; readonly id: string | undefined }
  | { readonly fits: false; readonly emptyId: boolean }

/** Splits a path such as `Patient/{id}` for `matchPath`. */
export function pathTemplate(path: string): PathTemplate {
  return path.split('/')
}

/**
 * Matches the segments of a path. Nothing is decoded: `%2f`, `%2e`, empty, `.` and `..` segments match no template, so a
 * router behind the guard cannot see another path than the one checked here.
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

/** Whether a text is a FHIR id. `.` and `..` are valid ids in FHIR, but not here, because they change the path. */
export function isFhirId(text: string): boolean {
  return FHIR_ID.test(text) && text !== '.' && text !== '..'
}

const ID = '{id}'
const FHIR_ID = /^[A-Za-z0-9\-.]{1,64}$/
const MISFIT: PathMatch = { fits: false, emptyId: false }
const EMPTY_ID: PathMatch = { fits: false, emptyId: true }
