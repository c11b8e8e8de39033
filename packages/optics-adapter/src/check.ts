/** What the command `check` says of Optics: its settings, and whether it lets this adapter in. */
import type { Environment } from '@formbuilder/adapter-sdk'
import type { Finding } from '@formbuilder/adapter-sdk/cli'
import axios from 'axios'
import { Tokens } from './client/token.ts'
import { readOpticsConfig } from './config.ts'
import { OpticsError } from './errors.ts'

/** Reads the settings and asks Optics for an access token, as the adapter does. No case is made or looked up. */
export async function checkOptics(environment: Environment): Promise<Omit<Finding, 'name'>[]> {
  const read = readOpticsConfig(environment)
  if ('problems' in read) return read.problems.map((detail) => ({ result: 'problem', detail }))
  if (read.config.apiKey === '') return [{ result: 'ok', detail: NOT_CALLED }]
  const timeoutSeconds = Math.min(read.config.timeoutSeconds, PATIENCE_SECONDS)
  try {
    await new Tokens(axios.create(), { ...read.config, timeoutSeconds }, Date.now).get()
    return [{ result: 'ok', detail: 'all settings are valid, and Optics gives this adapter an access token' }]
  } catch (error) {
    if (!(error instanceof OpticsError)) throw error
    return [{ result: 'problem', detail: error.message }]
  }
}

const NOT_CALLED = 'this process only accepts submissions (ADAPTER_ROLE=web): it has no keys and does not call Optics'
const PATIENCE_SECONDS = 10
