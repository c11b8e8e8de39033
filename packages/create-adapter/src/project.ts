/** Writes a project from the template. */
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

export interface Project {
  /** Absolute. */
  readonly folder: string
  readonly files: number
}

/** Why nothing was written, in words that say what to do. */
export interface Problem {
  readonly problem: string
}

/** Writes the template to a folder that is empty or not there yet; a `.git` in it does not count. */
export function createProject(where: string): Project | Problem {
  const folder = resolve(where)
  const name = basename(folder).toLowerCase()
  if (!/^[a-z0-9][a-z0-9._-]{0,99}$/.test(name)) {
    return {
      problem: `"${name}" cannot be the name of a package: take letters, digits and hyphens, such as my-adapter.`,
    }
  }
  if (existsSync(folder)) {
    if (!statSync(folder).isDirectory()) return { problem: `${folder} is a file: name a folder that is not there yet.` }
    const found = readdirSync(folder).filter((entry) => entry !== '.git')
    if (found.length > 0) {
      return { problem: `${folder} is not empty (${found.length} entries): name a folder that is not there yet.` }
    }
  }
  const problem = makeFolder(folder)
  if (problem !== undefined) return { problem }
  const files = readdirSync(TEMPLATE, { recursive: true, encoding: 'utf8' }).filter((file) =>
    statSync(join(TEMPLATE, file)).isFile(),
  )
  for (const file of files) cpSync(join(TEMPLATE, file), join(folder, target(file)))
  const manifest = join(folder, 'package.json')
  writeFileSync(manifest, filledIn(readFileSync(manifest, 'utf8'), name))
  return { folder, files: files.length }
}

function makeFolder(folder: string): Problem['problem'] | undefined {
  try {
    mkdirSync(folder, { recursive: true })
    accessSync(folder, constants.W_OK | constants.X_OK)
    return undefined
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : 'unknown'
    return `${folder} cannot be written to (${code}): name a folder of yours.`
  }
}

const TEMPLATE = join(import.meta.dirname, '../template')

/** npm leaves out or renames files whose names begin with a dot; in the template they have none. */
function target(file: string): string {
  return file.replace(/^(github|gitignore|dockerignore|env\.example)(?=$|[/\\])/, '.$1')
}

/** The packages of ours are published together: the project takes the version that it was written by. */
function filledIn(manifest: string, name: string): string {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
    version: string
  }
  return manifest
    .replace('"name": "my-adapter"', `"name": ${JSON.stringify(name)}`)
    .replaceAll('"0.0.0"', `"${version}"`)
}
