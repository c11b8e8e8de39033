/** Writes a new project from the layers of the template. */
import { accessSync, constants, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Choices, nameProblem } from './choices.ts'
import { filesOf } from './template.ts'

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

/** Writes a project to a folder that is empty or does not exist. The folder may contain `.git`. */
export function createProject(choices: Choices): Project | Problem {
  const folder = resolve(choices.folder)
  const problem = nameProblem(choices.name) ?? folderProblem(folder)
  if (problem !== undefined) return { problem }
  const files = filesOf(choices)
  for (const [name, text] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return { folder, files: files.size }
}

/** Makes the folder. Returns what is wrong with it, if anything. */
function folderProblem(folder: string): string | undefined {
  if (existsSync(folder)) {
    if (!statSync(folder).isDirectory()) return `${folder} is a file. Name a folder that does not exist yet.`
    const found = readdirSync(folder).filter((entry) => entry !== '.git')
    if (found.length > 0) {
      return `${folder} is not empty (${found.length} entries). Name a folder that does not exist yet.`
    }
  }
  try {
    mkdirSync(folder, { recursive: true })
    accessSync(folder, constants.W_OK | constants.X_OK)
    return undefined
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : 'unknown'
    return `${folder} cannot be written to (${code}). Name a folder that you can write to.`
  }
}
