/** The cipher suites that GP Connect approves, and the check that a server permits no others. */

/**
 * The specification's cipher suites in its order. DSS is excluded because no server has a DSS key, and CCM because the
 * official list does not include it.
 */
export const GP_CONNECT_CIPHERS = 'AESGCM+EECDH:AESGCM+EDH:AES256+EECDH:AES256+EDH:!aDSS:!AESCCM:!AESCCM8'

/**
 * Whether a cipher list permits approved suites only. Each of its words is a suite or one of the four groups, or excludes
 * suites, or is a security level that is no lower than the server's own. OpenSSL knows many other words, and no list of what
 * a word stands for can be asked of Node, so that every other word is refused.
 */
export function areApproved(ciphers: string): boolean {
  const words = ciphers.split(/[:, ]+/).filter((word) => word !== '')
  return words.some((word) => isSuite(word)) && words.every((word) => isSuite(word) || isRestriction(word))
}

/** The list with the approved suites of TLS 1.3, which OpenSSL keeps apart, unless it names some of them. */
export function withTls13(ciphers: string): string {
  return /(^|[:, ])TLS_/.test(ciphers) ? ciphers : `${TLS_13.join(':')}:${ciphers}`
}

function isSuite(word: string): boolean {
  return GROUPS.has(word) || SUITES.has(word) || TLS_13.includes(word)
}

/** `!X` and `-X` can only remove suites. */
function isRestriction(word: string): boolean {
  return /^[!-][A-Za-z0-9+_-]+$/.test(word) || /^@SECLEVEL=[2-5]$/.test(word) || word === '@STRENGTH'
}

/** The groups of the specification, whose parts can be in either order. */
const GROUPS: ReadonlySet<string> = new Set([
  ...['AESGCM+EECDH', 'AESGCM+EDH', 'AES256+EECDH', 'AES256+EDH'],
  ...['EECDH+AESGCM', 'EDH+AESGCM', 'EECDH+AES256', 'EDH+AES256'],
])

/** What `openssl ciphers -s -tls1_2` prints for the groups. */
const SUITES: ReadonlySet<string> = new Set([
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'DHE-DSS-AES256-GCM-SHA384',
  'DHE-RSA-AES256-GCM-SHA384',
  'DHE-DSS-AES128-GCM-SHA256',
  'DHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-CCM8',
  'ECDHE-ECDSA-AES256-CCM',
  'ECDHE-ECDSA-AES256-SHA384',
  'ECDHE-RSA-AES256-SHA384',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'DHE-RSA-AES256-CCM8',
  'DHE-RSA-AES256-CCM',
  'DHE-RSA-AES256-SHA256',
  'DHE-DSS-AES256-SHA256',
  'DHE-RSA-AES256-SHA',
  'DHE-DSS-AES256-SHA',
])

/** The suites of TLS 1.3 with AES in GCM. */
const TLS_13 = ['TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256']
