/** The program of Chromium, which its package holds compressed. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { madeOnce } from '../../../../../test/made-once.ts'

/** Unpacks it for the first file of tests that asks. */
export async function unpackedChromium(): Promise<string> {
  const folder = await madeOnce('chromium', [`node_modules/${PACKAGE}/package.json`], async (empty) => {
    // In a process of its own: the package unpacks into the folder for temporary files.
    const text = `await (await import('${PACKAGE}')).default.executablePath()`
    execFileSync(process.execPath, ['--input-type=module', '-e', text], {
      cwd: import.meta.dirname,
      env: { ...process.env, TMPDIR: empty },
    })
  })
  return join(folder, 'chromium')
}

const PACKAGE = '@sparticuz/chromium'
