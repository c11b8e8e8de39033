/** Reads the settings from environment variables. Only this module reads them. */
import { ConfigError, type ProviderOptions, type ServerSettings } from '@formbuilder/gp-connect-provider'

/** All settings of the example. */
export interface Configuration {
  readonly provider: Pick<
    ProviderOptions,
    'serviceRoots' | 'publicUrl' | 'audiences' | 'rules' | 'audit' | 'maxBodyBytes'
  >
  readonly server: ServerSettings
  readonly logLevel: string
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads every setting.
 * @throws {ConfigError} The message names every missing or invalid variable, but never its value.
 */
export function readConfiguration(environment: Environment): Configuration {
  const problems: string[] = []
  const port = bounded('PORT', 8443, 0, 65_535)
  const host = environment['HOST'] || undefined
  const limits = {
    ...limit('requestsPerSecondPerAddress', 'RATE_LIMIT_PER_SECOND', 1, 1_000_000),
    ...limit('concurrentRequests', 'MAX_CONCURRENT_REQUESTS', 1, 1_000_000),
    ...limit('handshakeSeconds', 'HANDSHAKE_TIMEOUT_SECONDS', 0.1, 120),
  }
  const ocspUrl = environment['OCSP_URL']
  const configuration: Configuration = {
    provider: {
      serviceRoots: serviceRoots(),
      publicUrl: environment['PUBLIC_URL'] || `https://localhost:${port}`,
      audiences: list('JWT_AUDIENCES'),
      rules: { requestedRecord: oneOf('REQUESTED_RECORD', ['reject', 'ignore']) },
      audit: { file: environment['AUDIT_FILE'] || 'audit.jsonl', flush: oneOf('AUDIT_FLUSH', ['interval', 'always']) },
      maxBodyBytes: bounded('MAX_BODY_BYTES', 1_048_576, 1, 1_073_741_824),
    },
    server: {
      port,
      ...(host !== undefined && { host }),
      certFile: required('TLS_CERT_FILE'),
      keyFile: required('TLS_KEY_FILE'),
      client: {
        caFiles: requiredList('CLIENT_CA_FILES'),
        crlFiles: requiredList('CLIENT_CRL_FILES'),
        fqdns: requiredList('SSP_FQDNS'),
        mode: oneOf('CLIENT_CERT_MODE', ['strict', 'respond']),
        ...(ocspUrl && { ocsp: { url: ocspUrl } }),
      },
      limits,
    },
    logLevel: oneOf('LOG_LEVEL', ['info', 'debug', 'warn', 'error', 'silent']),
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return configuration

  function required(name: string): string {
    const value = environment[name]
    if (!value) problems.push(`${name} is missing`)
    return value ?? ''
  }

  function list(name: string): string[] {
    return (environment[name] ?? '').split(',').flatMap((item) => item.trim() || [])
  }

  function requiredList(name: string): string[] {
    const items = list(name)
    if (items.length === 0) problems.push(`${name} is missing`)
    return items
  }

  /** The first value is the default. */
  function oneOf<const Value extends string>(name: string, values: readonly [Value, ...Value[]]): Value {
    const value = environment[name] || values[0]
    const found = values.find((one) => one === value)
    if (found === undefined) problems.push(`${name} is not one of ${values.join(', ')}`)
    return found ?? values[0]
  }

  /** A number in a range. It must be whole, except for seconds. */
  function bounded(name: string, fallback: number, min: number, max: number): number {
    const value = environment[name] ? Number(environment[name]) : fallback
    const fits = value >= min && value <= max && (name.endsWith('_SECONDS') || Number.isInteger(value))
    if (!fits) problems.push(`${name} is not between ${min} and ${max}`)
    return value
  }

  function limit(key: string, name: string, min: number, max: number): Record<string, number> {
    return environment[name] ? { [key]: bounded(name, min, min, max) } : {}
  }

  function serviceRoots(): ProviderOptions['serviceRoots'] {
    const text = environment['SERVICE_ROOTS']
    if (!text) return DEFAULT_ROOTS
    try {
      const value: unknown = JSON.parse(text)
      // The package checks the members and names every problem.
      if (typeof value === 'object' && value !== null && !Array.isArray(value))
        return value as ProviderOptions['serviceRoots']
    } catch {}
    problems.push('SERVICE_ROOTS is not a JSON object')
    return {}
  }
}

const DEFAULT_ROOTS: ProviderOptions['serviceRoots'] = {
  '/GP0001/STU3/1/gpconnect': { asid: '918999198993', preset: 'v1.2' },
}
