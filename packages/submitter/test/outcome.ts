/** The outcome of a call, as a short text that a test can compare. */
import { AdapterError } from '@formbuilder/adapter-sdk/protocol'

export async function outcome(run: () => unknown): Promise<string> {
  try {
    await run()
    return 'done'
  } catch (error) {
    return error instanceof AdapterError ? error.code : `foreign ${error instanceof Error ? error.name : typeof error}`
  }
}

/** The error that a call throws. */
export async function failure(run: () => unknown): Promise<AdapterError> {
  try {
    await run()
  } catch (error) {
    if (error instanceof AdapterError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
