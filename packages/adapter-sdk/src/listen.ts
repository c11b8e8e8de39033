/** Starts what listens on a port. If the port or the address cannot be used, the error names its setting and the reason. */
import { SecureServerError } from '@formbuilder/secure-server'
import { AdapterError } from './errors.ts'

/** The settings that say where something listens. */
export interface ListenSettings {
  readonly port: string
  readonly host: string
}

/**
 * Starts what listens on the port and the address of these settings.
 * @throws {AdapterError} ERR_PORT_UNAVAILABLE: they cannot be used. ERR_CONFIG_INVALID: the server refuses a file or an option.
 */
export async function listening<Server>(
  settings: ListenSettings,
  port: number,
  start: () => Promise<Server>,
): Promise<Server> {
  try {
    return await start()
  } catch (cause) {
    if (cause instanceof SecureServerError) throw new AdapterError('ERR_CONFIG_INVALID', cause.message, { cause })
    const code = systemCode(cause)
    if (code === undefined) throw cause
    const ofAddress = ADDRESS_REASONS[code]
    const what = ofAddress === undefined ? `${settings.port} ${port}` : settings.host
    const why = ofAddress ?? PORT_REASONS[code] ?? 'the system refuses it'
    throw new AdapterError('ERR_PORT_UNAVAILABLE', `${what} cannot be used: ${why} (${code})`, { cause })
  }
}

/** The system's code, if the error is about listening or about the address to listen on. */
function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined
  const isOfListening = error.syscall === 'listen' || error.syscall === 'getaddrinfo'
  return isOfListening && typeof error.code === 'string' ? error.code : undefined
}

const PORT_REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process uses it',
  EACCES: 'this process has no permission',
}

const ADDRESS_REASONS: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'the address to listen on does not belong to this machine, or its protocol is switched off',
  EAFNOSUPPORT: 'this machine does not support the protocol of the address, such as IPv6',
  EINVAL: 'the system does not take this address, which may lack its interface',
  ENOTFOUND: 'the address to listen on does not resolve',
  EAI_AGAIN: 'the address to listen on does not resolve now',
}
