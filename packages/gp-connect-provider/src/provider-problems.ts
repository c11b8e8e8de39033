/** Checks the options of a provider, and names everything that is wrong at once. */
import { memberProblems } from './members.ts'
import { PRESETS } from './roots/interactions.ts'
import { serviceRootProblems } from './roots/service-root.ts'
import { ruleProblems } from './rules.ts'
import { isObject } from './strict-json.ts'

/** The problems of all options. The names of options are in them, their values are not. */
export function providerProblems(options: unknown): string[] {
  if (!isObject(options)) return ['the options of the provider are not an object']
  const {
    serviceRoots,
    publicUrl,
    audiences = [],
    rules = {},
    handlers = {},
    audit,
    maxBodyBytes = 1,
    onEvent,
    switches,
  } = options
  return [
    ...memberProblems(options, MEMBERS, 'the provider'),
    ...serviceRootProblems(serviceRoots),
    ...urlProblems(publicUrl),
    ...(Array.isArray(audiences) && audiences.every((one) => typeof one === 'string' && one.trim() !== '')
      ? []
      : ['audiences is not a list of texts']),
    ...ruleProblems(rules, 'the provider'),
    ...handlerProblems(handlers, serviceRoots),
    ...auditProblems(audit),
    ...(switches === undefined || typeof switches === 'function' ? [] : switchProblems(switches)),
    ...(Number.isSafeInteger(maxBodyBytes) && Number(maxBodyBytes) > 0
      ? []
      : ['maxBodyBytes is not a positive whole number']),
    ...(onEvent === undefined || typeof onEvent === 'function' ? [] : ['onEvent is not a function']),
  ]
}

function urlProblems(publicUrl: unknown): string[] {
  if (typeof publicUrl !== 'string' || !URL.canParse(publicUrl)) return ['publicUrl is not a URL']
  return new URL(publicUrl).protocol === 'https:' ? [] : ['publicUrl is not https']
}

/** A handler can be for an interaction of any preset, because roots of several releases share their handlers. */
function handlerProblems(handlers: unknown, serviceRoots: unknown): string[] {
  if (!isObject(handlers)) return ['handlers is not an object']
  const added = Object.values(isObject(serviceRoots) ? serviceRoots : {})
    .flatMap((root) => (isObject(root) ? root['add'] : []))
    .filter(isObject)
  const known = new Set<unknown>(
    [...Object.values(PRESETS).flatMap(({ interactions }) => interactions), ...added].map(({ id }) => id),
  )
  return Object.entries(handlers).flatMap(([id, handler]) => [
    ...(known.has(id) ? [] : [`handlers has ${id}, which is no interaction of a preset or a service root`]),
    ...(typeof handler === 'function' ? [] : [`the handler of ${id} is not a function`]),
  ])
}

function auditProblems(audit: unknown): string[] {
  if (!isObject(audit)) return ['audit is neither a file nor a sink']
  if (!('file' in audit)) {
    const isSink = ['open', 'append', 'close'].every((name) => typeof audit[name] === 'function')
    return isSink ? [] : ['audit is neither a file nor a sink']
  }
  const { file, flush = 'interval' } = audit
  return [
    ...memberProblems(audit, ['file', 'flush'], 'audit'),
    ...(typeof file === 'string' && file !== '' ? [] : ['audit.file is not the name of a file']),
    ...(flush === 'interval' || flush === 'always' ? [] : ['audit.flush is neither interval nor always']),
  ]
}

function switchProblems(switches: unknown): string[] {
  if (!isObject(switches)) return ['switches is neither a file nor a function']
  return [
    ...memberProblems(switches, ['file'], 'switches'),
    ...(typeof switches['file'] === 'string' && switches['file'] !== ''
      ? []
      : ['switches.file is not the name of a file']),
  ]
}

const MEMBERS = [
  'serviceRoots',
  'publicUrl',
  'audiences',
  'rules',
  'handlers',
  'audit',
  'switches',
  'maxBodyBytes',
  'onEvent',
]
