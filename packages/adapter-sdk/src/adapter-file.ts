/** Loads an adapter from a file of a project. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Adapter } from './adapter.ts'
import { AdapterError } from './errors.ts'
import { errorName } from './events.ts'

/**
 * The adapter that a module exports, under any name. The module is run, but the adapter is not started.
 * @throws {AdapterError} ERR_CONFIG_INVALID: the file does not exist, cannot be loaded, or exports no adapter.
 */
export async function adapterOf(file: string): Promise<Adapter> {
  const url = pathToFileURL(resolve(file)).href
  const exported = (await import(url).catch((error: unknown) => {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
    if (isMissing && 'url' in error && error.url === url)
      throw new AdapterError('ERR_CONFIG_INVALID', `there is no file ${file}`)
    // The message of a foreign error is for the developer, who sees it as its cause.
    throw new AdapterError('ERR_CONFIG_INVALID', `${file} cannot be loaded (${errorName(error)})`, { cause: error })
  })) as Readonly<Record<string, unknown>>
  const adapter = Object.values(exported).find(isAdapter)
  if (adapter === undefined) {
    throw new AdapterError('ERR_CONFIG_INVALID', `${file} exports no adapter: export what createAdapter returns`)
  }
  return adapter
}

function isAdapter(value: unknown): value is Adapter {
  return (
    typeof value === 'object' && value !== null && 'paths' in value && value.paths instanceof Map && 'start' in value
  )
}
