/** Where the files of this package are: a program may have been bundled into one file that lies somewhere else. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What the package says of itself. */
interface Manifest {
  readonly name: string
  readonly version: string
}

/** The folder of this package, and its version. Undefined in a bundle without the package installed beside it. */
export function ownPackage(): { readonly folder: string; readonly version: string } | undefined {
  const folder = fileURLToPath(new URL('..', import.meta.url))
  return readPackage(folder) ?? readPackage(installedFolder())
}

export const PACKAGE = '@formbuilder/adapter-sdk'

function readPackage(folder: string | undefined): { folder: string; version: string } | undefined {
  if (folder === undefined) return undefined
  try {
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
    // Beside a bundle lies the manifest of another package, or none.
    return name === PACKAGE ? { folder, version } : undefined
  } catch {
    return undefined
  }
}

function installedFolder(): string | undefined {
  try {
    return dirname(dirname(fileURLToPath(import.meta.resolve(PACKAGE))))
  } catch {
    return undefined
  }
}
