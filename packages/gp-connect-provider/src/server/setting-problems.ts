/** Checks the settings of a server. secure-server checks the values that it gets; here are the names, which it does not see. */
import { memberProblems } from '../members.ts'
import { isObject } from '../strict-json.ts'
import { areApproved, GP_CONNECT_CIPHERS } from './ciphers.ts'
import { ENVIRONMENTS, type EnvironmentName } from './environments.ts'
import type { ServerSettings } from './server.ts'

/** The problems of all settings. */
export function settingProblems(settings: ServerSettings): string[] {
  if (!isObject(settings)) return ['the settings of the server are not an object']
  const { client, limits = {}, proxyProtocol = [], ciphers = GP_CONNECT_CIPHERS, maxVersion = 'TLSv1.2' } = settings
  const {
    ocsp,
    mode = 'strict',
    crlWarningDays = 0,
    crlFiles = [],
    crlFetch,
    staleCrl,
  } = isObject(client) ? client : {}
  return [
    ...memberProblems(settings, SETTINGS, 'the server'),
    ...memberProblems(client, CLIENT, 'client'),
    ...listProblems(client, 'client.', 'caFiles'),
    ...nameProblems(client),
    ...listProblems({ crlFiles }, 'client.', 'crlFiles'),
    ...(crlFetch === undefined ? [] : crlFetchProblems(crlFetch)),
    ...(isObject(staleCrl) ? memberProblems(staleCrl, ['acceptHours'], 'client.staleCrl') : []),
    ...(crlFetch === undefined && Array.isArray(crlFiles) && crlFiles.length === 0
      ? ['client has neither crlFiles nor crlFetch']
      : []),
    ...listProblems({ proxyProtocol }, '', 'proxyProtocol'),
    ...(mode === 'strict' || mode === 'respond' ? [] : ['client.mode is neither strict nor respond']),
    ...(typeof crlWarningDays === 'number' ? [] : ['client.crlWarningDays is not a number']),
    ...(ocsp === undefined ? [] : memberProblems(ocsp, OCSP, 'client.ocsp')),
    ...(typeof ciphers === 'string' && areApproved(ciphers)
      ? []
      : ['ciphers has suites outside the four groups of the specification']),
    ...(maxVersion === 'TLSv1.2' || maxVersion === 'TLSv1.3' ? [] : ['maxVersion is neither TLSv1.2 nor TLSv1.3']),
    ...(isObject(limits) ? [] : ['limits is not an object']),
    ...(isObject(limits) && 'bodyBytes' in limits ? ['limits.bodyBytes is maxBodyBytes of the provider'] : []),
  ]
}

function nameProblems(client: unknown): string[] {
  const { fqdns, environment } = isObject(client) ? client : {}
  const isKnown = typeof environment === 'string' && Object.hasOwn(ENVIRONMENTS, environment)
  if (environment !== undefined && !isKnown)
    return [`client.environment is none of ${Object.keys(ENVIRONMENTS).join(', ')}`]
  if (fqdns !== undefined || environment === undefined) return listProblems(client, 'client.', 'fqdns')
  // Known, as the first check shows.
  const name = environment as EnvironmentName
  return ENVIRONMENTS[name].fqdns === undefined ? [`client.fqdns is missing, and no source names those of ${name}`] : []
}

/** secure-server checks the values that it gets; JavaScript could give it something else than texts. */
function crlFetchProblems(crlFetch: unknown): string[] {
  const { file, privateAddresses = [] } = isObject(crlFetch) ? crlFetch : {}
  return [
    ...memberProblems(crlFetch, CRL_FETCH, 'client.crlFetch'),
    ...listProblems(crlFetch, 'client.crlFetch.', 'urls'),
    ...listProblems({ privateAddresses }, 'client.crlFetch.', 'privateAddresses'),
    ...(typeof file === 'string' && file !== '' ? [] : ['client.crlFetch.file is not the name of a file']),
  ]
}

function listProblems(of: unknown, prefix: string, name: string): string[] {
  const value: unknown = isObject(of) ? of[name] : []
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
    ? []
    : [`${prefix}${name} is not a list of texts`]
}

const SETTINGS = ['port', 'host', 'certFile', 'keyFile', 'client', 'proxyProtocol', 'maxVersion', 'ciphers', 'limits']
const CLIENT = ['caFiles', 'crlFiles', 'crlFetch', 'staleCrl', 'fqdns', 'environment', 'mode', 'crlWarningDays', 'ocsp']
const CRL_FETCH = ['urls', 'file', 'privateAddresses', 'everyMinutes', 'timeoutSeconds', 'maxBytes']
const OCSP = ['url', 'responderFile', 'timeoutSeconds', 'cacheSeconds']
