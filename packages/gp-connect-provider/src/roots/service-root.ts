/** Service roots: one per practice and capability, each with its path, ASID and interactions. */
import { ConfigError } from '../config-error.ts'
import type { FhirRelease } from '../fhir/format.ts'
import { memberProblems } from '../members.ts'
import { type Rules, ruleProblems } from '../rules.ts'
import { isObject } from '../strict-json.ts'
import { parseScope } from '../token/scope.ts'
import {
  INTERACTION_METHODS,
  type Interaction,
  PRESETS,
  type Preset,
  type PresetName,
  presetOf,
  RELEASES,
  type Release,
} from './interactions.ts'
import { type PathTemplate, pathTemplate } from './path-template.ts'

/** The options of one service root. */
export interface ServiceRootOptions {
  /** The ASID that Ssp-To must carry for requests to this root: twelve digits. */
  readonly asid: string
  /** A preset, or the release of the specification that the root serves. */
  readonly preset: PresetName | Release
  /** Further interactions. One with the ID of a preset's interaction replaces it. */
  readonly add?: readonly Interaction[]
  /** IDs of the preset's interactions that this root does not have. */
  readonly remove?: readonly string[]
  /** IDs of interactions that the practice has disabled; they get 403. `true` disables all. */
  readonly disabled?: readonly string[] | boolean
  /** Rules of this root that differ from those of the provider and the preset. */
  readonly rules?: Partial<Rules>
}

/** A service root as the guard uses it. */
export interface ServiceRoot {
  /** Path without a trailing slash. */
  readonly path: string
  readonly asid: string
  /** The preset or the release, as the options name it. */
  readonly preset: string
  readonly fhir: FhirRelease
  readonly rules: Rules
  /** Whether a text is an accepted value of `aud`. */
  isAudience(text: string): boolean
  readonly interactions: ReadonlyMap<string, KnownInteraction>
  isDisabled(interactionId: string): boolean
}

/** An interaction with its path template split. */
export interface KnownInteraction extends Interaction {
  readonly template: PathTemplate
}

/** The service roots of a server. */
export interface ServiceRoots {
  /** Finds the root above a path. `relative` is the rest of the path, without a leading slash; empty for the root. */
  find(path: string): { readonly root: ServiceRoot; readonly relative: string } | undefined
  /** All of them. */
  readonly all?: readonly ServiceRoot[]
}

/** The audience of 0.x tokens, which is the same for every provider. */
export const LEGACY_AUDIENCE = 'https://authorize.fhir.nhs.net/token'

/**
 * Checks the options of every service root and builds the roots.
 * @throws {ConfigError} The message names every invalid root.
 */
export function serviceRoots(
  options: Readonly<Record<string, ServiceRootOptions>>,
  origin: string,
  audiences: readonly string[],
  rules: Partial<Rules>,
): ServiceRoots {
  const problems = [...serviceRootProblems(options), ...ruleProblems(rules, 'the provider')]
  if (problems.length > 0) throw new ConfigError(problems)

  const roots = new Map(
    Object.entries(options).map(([path, root]) => [path, serviceRoot(path, root, origin, audiences, rules)]),
  )
  // Only at these lengths can a path leave a root, so that a path of any number of segments is looked up a few times.
  const lengths = [...new Set([...roots.keys()].map((path) => path.length))].sort((a, b) => b - a)
  return {
    all: [...roots.values()],
    find(path) {
      const itself = roots.get(path)
      if (itself !== undefined) return { root: itself, relative: '' }
      for (const end of lengths) {
        const root = path[end] === '/' ? roots.get(path.slice(0, end)) : undefined
        if (root !== undefined) return { root, relative: path.slice(end + 1) }
      }
      return undefined
    },
  }
}

/** The problems of the options of every service root. */
export function serviceRootProblems(options: unknown): string[] {
  if (!isObject(options)) return ['serviceRoots is not an object']
  const entries = Object.entries(options)
  return entries.length === 0 ? ['serviceRoots is empty'] : entries.flatMap(problemsOf)
}

function serviceRoot(
  path: string,
  options: ServiceRootOptions,
  origin: string,
  audiences: readonly string[],
  rules: Partial<Rules>,
): ServiceRoot {
  // Already checked.
  const preset = presetOf(options.preset) as Preset
  const merged: Rules = { ...preset.rules, ...rules, ...options.rules }
  const removed = new Set(options.remove)
  const known = [...preset.interactions, ...(options.add ?? [])].filter(({ id }) => !removed.has(id))
  const disabled = new Set(Array.isArray(options.disabled) ? options.disabled : [])
  const legacyOnly = preset.fhir === 'DSTU2'
  const accepted = new Set([
    ...(legacyOnly ? [] : [`${origin}${path}`]),
    ...(legacyOnly || merged.legacyAudience ? [LEGACY_AUDIENCE] : []),
    ...(Array.isArray(merged.audience) ? merged.audience : []),
    ...audiences,
  ])
  return {
    path,
    asid: options.asid,
    preset: options.preset,
    fhir: preset.fhir,
    rules: merged,
    isAudience: (text) => merged.audience === 'any' || accepted.has(text),
    interactions: new Map(known.map((one) => [one.id, { ...one, template: pathTemplate(one.path) }])),
    isDisabled: (id) => options.disabled === true || disabled.has(id),
  }
}

/** A mistake that is not noticed here could leave a root more open than intended. */
function problemsOf([path, options]: [string, unknown], index: number): string[] {
  const name = `service root ${index + 1}`
  const pathProblems = PATH.test(path) ? [] : [`the path of ${name} is not /a/b without a trailing slash`]
  if (!isObject(options)) return [...pathProblems, `${name} is not an object`]
  const { asid, preset, add = [], remove = [], disabled = false, rules = {} } = options
  const knownPreset = presetOf(preset)
  const known = new Set([
    ...(knownPreset?.interactions.map(({ id }) => id) ?? []),
    ...(Array.isArray(add) ? add.filter(isObject).map(({ id }) => id) : []),
  ])
  const areKnown = (ids: unknown): boolean => Array.isArray(ids) && (!knownPreset || ids.every((id) => known.has(id)))
  return [
    ...pathProblems,
    ...memberProblems(options, MEMBERS, name),
    ...(typeof asid === 'string' && /^\d{12}$/.test(asid) ? [] : [`the asid of ${name} is not twelve digits`]),
    ...(knownPreset ? [] : [`the preset of ${name} is not one of ${PRESET_NAMES}`]),
    ...additionProblems(add, name),
    ...(areKnown(remove) ? [] : [`remove of ${name} is not a list of interactions that it has`]),
    ...(typeof disabled === 'boolean' || areKnown(disabled)
      ? []
      : [`disabled of ${name} is neither a boolean nor a list of interactions that it has`]),
    ...ruleProblems(rules, name),
  ]
}

function additionProblems(add: unknown, name: string): string[] {
  if (!Array.isArray(add)) return [`add of ${name} is not a list of interactions`]
  const ids = add.map((one) => (isObject(one) ? one['id'] : undefined))
  return add.flatMap((one, at) => [
    ...(isInteraction(one) ? [] : [`add of ${name} is not a list of interactions: item ${at + 1} is wrong`]),
    ...(isObject(one) ? memberProblems(one, INTERACTION_MEMBERS, `item ${at + 1} in add of ${name}`) : []),
    ...(ids.indexOf(ids[at]) < at ? [`add of ${name} has the id of item ${at + 1} twice`] : []),
  ])
}

function isInteraction(value: unknown): boolean {
  if (!isObject(value)) return false
  const { id, method, path, scope, migration = false, restricted = false, capability = '' } = value
  return (
    typeof id === 'string' &&
    id !== '' &&
    INTERACTION_METHODS.some((one) => one === method) &&
    typeof path === 'string' &&
    /^([^/]+(\/[^/]+)*)?$/.test(path) &&
    parseScope(scope, false) !== undefined &&
    typeof migration === 'boolean' &&
    typeof restricted === 'boolean' &&
    typeof capability === 'string'
  )
}

const PATH = /^(\/[A-Za-z0-9\-._~]+)+$/
const MEMBERS = ['asid', 'preset', 'add', 'remove', 'disabled', 'rules']
const INTERACTION_MEMBERS = ['id', 'method', 'path', 'scope', 'migration', 'restricted', 'capability']
const PRESET_NAMES = [...Object.keys(PRESETS), ...Object.keys(RELEASES)].join(', ')
