/** Starts what listens on a port. If the port cannot be used, the error names its setting and the reason. */
import { SecureServerError } from '@formbuilder/secure-server'
import { AdapterError } from './errors.ts'

/**
 * Starts what listens on the port of a setting.
 * @throws {AdapterError} ERR_PORT_UNAVAILABLE: the port cannot be used. ERR_CONFIG_INVALID: the server refuses a file or an option.
 */
export async function listening<Server>(setting: string, port: number, start: () => Promise<Server>): Promise<Server> {
  try {
    return await start()
  } catch (cause) {
    if (cause instanceof SecureServerError) throw new AdapterError('ERR_CONFIG_INVALID', cause.message, { cause })
    const code = systemCode(cause)
    if (code === undefined) throw cause
    const why = REASONS[code] ?? 'the system refuses it'
    throw new AdapterError('ERR_PORT_UNAVAILABLE', `${setting} ${port} cannot be used: ${why} (${code})`, {
      cause,
    })
  }
}

/** The system's code, if the error is about listening or about the address to listen on. */
function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined
  const isOfListening = error.syscall === 'listen' || error.syscall === 'getaddrinfo'
  return isOfListening && typeof error.code === 'string' ? error.code : undefined
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process uses it',
  EACCES: 'this process has no permission',
  EADDRNOTAVAIL: 'the address to listen on does not belong to this machine',
  ENOTFOUND: 'the address to listen on does not resolve',
}
