/** What somebody can choose for a new project. */

/** Where the handlers of a project hand submissions to. */
export const TARGETS = {
  http: 'an HTTP API that takes cases',
  notify: 'e-mail by GOV.UK Notify',
  csv: 'a spreadsheet (CSV) for each form',
  folder: 'a folder for each submission',
} as const

/** What runs the tests of a project. */
export const RUNNERS = {
  node: 'node:test, which is in Node',
  mocha: 'mocha',
  vitest: 'vitest',
} as const

export type Target = keyof typeof TARGETS
export type Runner = keyof typeof RUNNERS

/** A project to be written. */
export interface Choices {
  readonly folder: string
  /** The name of its package. */
  readonly name: string
  /** Names of forms: at least one. */
  readonly forms: readonly string[]
  readonly target: Target
  readonly tests: Runner
}

export const DEFAULTS = { folder: 'my-adapter', forms: ['complaint'], target: 'http', tests: 'node' } as const

/** The name of a package for a folder. */
export function nameFor(folder: string): string {
  return (folder.split(/[/\\]/).filter(Boolean).at(-1) ?? '').toLowerCase()
}

/** Returns what is wrong with the name of a package, if anything. */
export function nameProblem(name: string): string | undefined {
  return /^[a-z0-9][a-z0-9._-]{0,99}$/.test(name)
    ? undefined
    : `"${name}" cannot be the name of a package. Use letters, digits and hyphens, such as my-adapter.`
}

/** The names of forms, as the title of a form has it or as its path: "Make a complaint" is make-a-complaint. */
export function formNames(texts: readonly string[]): readonly string[] {
  return texts
    .flatMap((text) => text.split(','))
    .map((text) =>
      text
        .normalize('NFKD')
        .replace(/\p{M}/gu, '')
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, '-')
        .replace(/^-|-$/g, ''),
    )
}

/** Returns what is wrong with the names of forms, if anything. */
export function formsProblem(names: readonly string[]): string | undefined {
  for (const [index, name] of names.entries()) {
    if (!/^[a-z][a-z0-9-]{0,49}$/.test(name)) {
      return `"${name}" cannot be the name of a form. It begins with a letter, and has at most 50 letters, digits and hyphens.`
    }
    if (names.indexOf(name) !== index) return `two forms are named "${name}"`
  }
  return undefined
}
