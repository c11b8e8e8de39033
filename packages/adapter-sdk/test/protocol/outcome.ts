/** What became of a call, as one word that a test can expect. */
import { AdapterError } from '../../src/errors.ts'

/** `'accepted'`, the code of our error, or a foreign error's name: which no promise of ours mentions. */
export async function outcome(run: () => unknown): Promise<string> {
  try {
    await run()
    return 'accepted'
  } catch (error) {
    return error instanceof AdapterError ? error.code : `foreign ${error instanceof Error ? error.name : typeof error}`
  }
}

/** What is said by the error that a call throws. */
export async function complaint(run: () => unknown): Promise<string> {
  try {
    await run()
    return 'none'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
