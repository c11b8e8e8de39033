/** Writes a new project from the template. */
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, join, resolve } from 'node:path'

/** A project that was written. */
export interface Project {
  /** Absolute path. */
  readonly folder: string
  /** How many files were written. */
  readonly files: number
}

/** Why nothing was written, and what to do about it. */
export interface Problem {
  readonly problem: string
}

/** Writes the template to a folder that is empty or does not exist. The folder may contain `.git`. */
export function createProject(where: string): Project | Problem {
  const folder = resolve(where)
  const name = basename(folder).toLowerCase()
  if (!/^[a-z0-9][a-z0-9._-]{0,99}$/.test(name)) {
    return {
      problem: `"${name}" cannot be the name of a package. Use letters, digits and hyphens, such as my-adapter.`,
    }
  }
  if (existsSync(folder)) {
    if (!statSync(folder).isDirectory())
      return { problem: `${folder} is a file. Name a folder that does not exist yet.` }
    const found = readdirSync(folder).filter((entry) => entry !== '.git')
    if (found.length > 0) {
      return { problem: `${folder} is not empty (${found.length} entries). Name a folder that does not exist yet.` }
    }
  }
  const problem = makeFolder(folder)
  if (problem !== undefined) return { problem }
  const files = readdirSync(TEMPLATE, { recursive: true, encoding: 'utf8' }).filter((file) =>
    statSync(join(TEMPLATE, file)).isFile(),
  )
  for (const file of files) cpSync(join(TEMPLATE, file), join(folder, targetName(file)))
  const manifest = join(folder, 'package.json')
  writeFileSync(manifest, filledIn(readFileSync(manifest, 'utf8'), name))
  return { folder, files: files.length }
}

/** Returns what is wrong with the folder, if anything. */
function makeFolder(folder: string): string | undefined {
  try {
    mkdirSync(folder, { recursive: true })
    accessSync(folder, constants.W_OK | constants.X_OK)
    return undefined
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : 'unknown'
    return `${folder} cannot be written to (${code}). Name a folder that you can write to.`
  }
}

const TEMPLATE = join(import.meta.dirname, '../template')

/** npm leaves out or renames files whose names start with a dot, so the template has them without the dot. */
function targetName(file: string): string {
  return file.replace(/^(github|gitignore|dockerignore|env\.example)(?=$|[/\\])/, '.$1')
}

/** Sets the name, and the version of our packages. They are published together, so it is the version of this one. */
function filledIn(manifest: string, name: string): string {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
    version: string
  }
  return manifest
    .replace('"name": "my-adapter"', `"name": ${JSON.stringify(name)}`)
    .replaceAll('"0.0.0"', `"${version}"`)
}
