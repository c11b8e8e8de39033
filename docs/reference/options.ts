/** Pages that have all options of a part of the API in tables, from the docstrings of its types. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { readExamples } from './examples.ts'

interface OptionsPage {
  readonly file: string
  readonly title: string
  readonly intro: string
  /** Names, each with the file that declares it. */
  readonly names: readonly (readonly [name: string, source: string, module?: string])[]
}

const FORM = 'src/form.ts'
const ERRORS = 'src/errors.ts'
const KIT = 'src/testing/index.ts'
const SENDER = 'src/testing/sender.ts'
const TESTING = 'adapter-sdk.testing'

/** Their sources are below packages/adapter-sdk. */
export const OPTIONS_PAGES: readonly OptionsPage[] = [
  {
    file: 'form.md',
    title: 'Form',
    intro: 'Everything that a form may say, what its handler receives, and what it returns.',
    names: [
      ['Form', FORM],
      ['Submission', FORM],
      ['Outcome', FORM],
    ],
  },
  {
    file: 'context.md',
    title: 'Context',
    intro: 'Everything that a handler may use: the second argument of `handle` and `confirm`.',
    names: [
      ['Context', FORM],
      ['Attachment', FORM],
    ],
  },
  {
    file: 'handler-errors.md',
    title: 'What a handler throws',
    intro: `Each of these says what became of the case. Every other error is retried. They take a message, and these options beside \`cause\`: \`new RetryError('the case system is
closed', { code: 'ERR_CLOSED', retryAfterSeconds: 3600, status: 503 })\`. The [codes](errors.md) of the adapter itself are on a page of their own.`,
    names: [
      ['RetryError', ERRORS],
      ['PermanentError', ERRORS],
      ['UncertainError', ERRORS],
    ],
  },
  {
    file: 'start-options.md',
    title: 'StartOptions',
    intro:
      'Everything that `createAdapter` and `adapter.start` take, and what a started adapter has. [Settings](configuration.md) come from the environment.',
    names: [
      ['StartOptions', 'src/start.ts'],
      ['RunningAdapter', 'src/start.ts'],
      ['AdapterOptions', 'src/adapter.ts'],
      ['Adapter', 'src/adapter.ts'],
    ],
  },
  {
    file: 'test-kit.md',
    title: 'Test kit',
    intro:
      'Everything of `@formbuilder/adapter-sdk/testing`: an adapter on a free port, and a sender that behaves like Form Builder.',
    names: [
      ['startTestAdapter', KIT, TESTING],
      ['TestAdapterOptions', KIT, TESTING],
      ['TestAdapter', KIT, TESTING],
      ['TestSubmission', SENDER, TESTING],
      ['SentAnswer', SENDER, TESTING],
      ['TestAnswer', SENDER, TESTING],
      ['PlainRequest', SENDER, TESTING],
      ['Handled', 'src/testing/handled.ts', TESTING],
      ['Duration', KIT, TESTING],
      ['expectNoPersonalData', 'src/testing/personal-data.ts', TESTING],
      ['PersonalDataOptions', 'src/testing/personal-data.ts', TESTING],
      ['Upload', 'src/testing/file-server.ts', 'adapter-sdk.file-server'],
      ['TestFileStore', 'src/testing/file-server.ts', 'adapter-sdk.file-server'],
      ['FileStoreOptions', 'src/testing/file-server.ts', 'adapter-sdk.file-server'],
      ['makeDevelopmentCertificate', 'src/testing/certificate.ts', TESTING],
      ['DevelopmentCertificate', 'src/testing/certificate.ts', TESTING],
      ['developmentEnvironment', 'src/testing/development.ts', TESTING],
    ],
  },
]

/** The pages by their path, as they have to be. `root`: of the repository. */
export function optionsPages(root: string): (readonly [string, string])[] {
  const examples = readExamples()
  return OPTIONS_PAGES.map(({ file, title, intro, names }) => {
    const shown = new Set<string>()
    const sections = names.map(([name, source, module = 'adapter-sdk']) => {
      const example = examples.find((each) => each.module === module && each.names.includes(name))
      const isNew = example !== undefined && !shown.has(example.text)
      if (isNew) shown.add(example.text)
      const code = isNew ? `\n\n\`\`\`ts\n${example.text}\n\`\`\`` : ''
      return `## ${name}\n\n${described(join(root, 'packages/adapter-sdk', source), name)}${code}`
    })
    const note = '`npm run docs:tables` writes this page from the docstrings of the code.'
    return [`docs/reference/${file}`, `# ${title}\n\n${intro} ${note}\n\n${sections.join('\n\n')}\n`] as const
  })
}

function described(path: string, name: string): string {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true)
  const declared = source.statements.find(
    (each): each is ts.InterfaceDeclaration | ts.ClassDeclaration | ts.FunctionDeclaration =>
      (ts.isInterfaceDeclaration(each) || ts.isClassDeclaration(each) || ts.isFunctionDeclaration(each)) &&
      each.name?.text === name,
  )
  if (declared === undefined) throw new Error(`${path} has no ${name}`)
  if (ts.isFunctionDeclaration(declared)) return `\`${signature(declared, name)}\`\n\n${documentation(declared)}`
  const rows = declared.members.flatMap(row)
  const parents = (declared.heritageClauses ?? []).flatMap(({ types }) => types.map((type) => type.getText()))
  const known = parents.filter((parent) => !['AsyncDisposable', 'Error'].includes(parent))
  const also = known.length === 0 ? [] : [`Everything of ${known.map((each) => `\`${each}\``).join(', ')}, and:`]
  const table = ['| name | type | meaning |', '| --- | --- | --- |', ...rows].join('\n')
  return [documentation(declared), ...also, table].join('\n\n')
}

function row(member: ts.Node): string[] {
  const isPrivate = ts.canHaveModifiers(member) && ts.getModifiers(member)?.some(isHidden)
  const { name } = member as ts.NamedDeclaration
  if (isPrivate || name === undefined || ts.isPrivateIdentifier(name) || ts.isComputedPropertyName(name)) return []
  const text = name.getText()
  // Its class says it.
  if (text === 'name' && ts.isPropertyDeclaration(member)) return []
  const isOptional = 'questionToken' in member && member.questionToken !== undefined
  const type = ts.isMethodSignature(member) || ts.isMethodDeclaration(member) ? signature(member, '') : typeOf(member)
  const cells = [`\`${text}${isOptional ? '?' : ''}\``, `\`${type}\``, documentation(member)]
  return [`| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`]
}

function isHidden({ kind }: ts.ModifierLike): boolean {
  return kind === ts.SyntaxKind.PrivateKeyword
}

function typeOf(member: ts.Node): string {
  const { type, initializer } = member as ts.PropertyDeclaration
  return oneLine(type?.getText() ?? (initializer?.kind === ts.SyntaxKind.FalseKeyword ? 'boolean' : 'number'))
}

function signature({ parameters, type }: ts.SignatureDeclaration, name: string): string {
  return oneLine(`${name}(${parameters.map((each) => each.getText()).join(', ')}): ${type?.getText()}`)
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}

/** The docstring of a declaration, on one line. */
function documentation(node: ts.Node): string {
  const [comment] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc)
  const throws = (comment?.tags ?? []).filter(({ tagName }) => tagName.text === 'throws')
  const text = ts.getTextOfJSDocComment(comment?.comment) ?? ''
  const thrown = throws.map(
    (tag) =>
      `Throws ${tag
        .getText()
        .replace(/^@throws/, '')
        .replaceAll(/[{}*]/g, '')
        .trim()}`,
  )
  return oneLine([text, ...thrown].join(' ').replaceAll(/\{@link ([^}]+)\}/g, '`$1`')).trim()
}
