/** The files of a project: layers of the template, one over the other, filled in. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Choices, Runner } from './choices.ts'

/**
 * Returns texts by the path of their file. A later layer adds to `package.json`, README.md and `.env.example` of an earlier
 * one. A file of the form `complaint` is written for each form, with its name.
 */
export function filesOf({ name, forms, target, tests }: Choices): Map<string, string> {
  const files = new Map<string, string>()
  for (const layer of ['common', `targets/${target}`, `tests/${tests}`]) {
    for (const [file, text] of readLayer(join(TEMPLATE, layer))) {
      files.set(file, merged(file, files.get(file), text))
    }
  }
  const written = new Map<string, string>()
  for (const [file, text] of files) {
    const fitting = file.startsWith('test/') ? forRunner(text, tests) : text
    if (!FORM_FILE.test(file)) written.set(file, fitting)
    else for (const form of forms) written.set(file.replace(FORM_FILE, `/${form}.`), forForm(fitting, form))
  }
  written.set('src/adapter.ts', adapterOf(forms))
  written.set('package.json', withVersion(written.get('package.json') ?? '', name))
  return written
}

const TEMPLATE = join(import.meta.dirname, '../template')

function readLayer(folder: string): [string, string][] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => statSync(join(folder, file)).isFile())
    .map((file) => [targetName(file.replaceAll('\\', '/')), readFileSync(join(folder, file), 'utf8')])
}

/** npm leaves out or renames files whose names start with a dot, so the template has them without the dot. */
function targetName(file: string): string {
  return file.replace(/^(github|gitignore|dockerignore|env\.example|mocharc\.json)(?=$|\/)/, '.$1')
}

function merged(file: string, below: string | undefined, text: string): string {
  if (below === undefined) return text
  if (file === 'package.json') return mergedManifest(below, text)
  return ['README.md', '.env.example'].includes(file) ? below + text : text
}

type Manifest = Record<string, string | boolean | Record<string, string>>

function mergedManifest(below: string, text: string): string {
  const manifest = JSON.parse(below) as Manifest
  for (const [key, entries] of Object.entries(JSON.parse(text) as Record<string, Record<string, string>>)) {
    const all = { ...(manifest[key] as Record<string, string> | undefined), ...entries }
    // npm writes dependencies by name, and would change the file at the first install.
    manifest[key] =
      key === 'scripts' ? all : Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)))
  }
  return `${JSON.stringify(manifest, null, 2)}\n`
}

/** The tests are written for node:test, whose functions the others have under these names. */
const NAMES: Readonly<Record<Exclude<Runner, 'node'>, Readonly<Record<string, string>>>> = {
  mocha: {},
  vitest: { after: 'afterAll as after', before: 'beforeAll as before' },
}

function forRunner(text: string, tests: Runner): string {
  if (tests === 'node') return text
  return text.replace(/import \{ (.*) \} from 'node:test'/, (_, names: string) => {
    const imported = names.split(', ').map((name) => NAMES[tests][name] ?? name)
    return `import { ${imported.join(', ')} } from '${tests}'`
  })
}

/** Of a form, in the template. */
const FORM_FILE = /\/complaint\.(?=(test\.)?ts$)/

function forForm(text: string, form: string): string {
  return text.replace(/\bcomplaintForm\b/g, constantOf(form)).replace(/\bcomplaint\b/g, form)
}

function constantOf(form: string): string {
  return `${form.replace(/-+(.?)/g, (_, next: string) => next.toUpperCase())}Form`
}

function adapterOf(forms: readonly string[]): string {
  return [
    '/** The forms of this adapter. */',
    "import { createAdapter } from '@formbuilder/adapter-sdk'",
    ...forms.map((form) => `import { ${constantOf(form)} } from './forms/${form}.ts'`),
    '',
    'export const adapter = createAdapter({',
    '  forms: {',
    ...forms.map((form) => `    ${/-/.test(form) ? `'${form}'` : form}: ${constantOf(form)},`),
    '  },',
    '})',
    '',
  ].join('\n')
}

/** Sets the name, and the version of our packages. They are published together, so it is the version of this one. */
function withVersion(manifest: string, name: string): string {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
    version: string
  }
  return manifest
    .replace('"name": "my-adapter"', `"name": ${JSON.stringify(name)}`)
    .replaceAll('"0.0.0"', `"${version}"`)
}
