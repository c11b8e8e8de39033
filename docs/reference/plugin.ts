/** A plugin of typedoc: it gives each public name its example, and warns of a name without one. */
import {
  Application,
  Comment,
  CommentTag,
  type DeclarationReflection,
  type DocumentReflection,
  type ProjectReflection,
  ReflectionKind,
} from 'typedoc'
import { readExamples } from './examples.ts'

export function load(app: Application): void {
  app.on(Application.EVENT_PROJECT_REVIVE, (project: ProjectReflection) => {
    const examples = new Map(
      readExamples().flatMap(({ module, names, text }) => names.map((name) => [`${module} ${name}`, text])),
    )
    const unused = new Set(examples.keys())
    for (const reflection of project.getReflectionsByKind(NAMES) as DeclarationReflection[]) {
      if (!isPublic(reflection)) continue
      const name = `${moduleOf(reflection)} ${reflection.name}`
      const example = examples.get(name)
      unused.delete(name)
      if (example === undefined) app.logger.warn(`${name} has no example in docs/reference/examples`)
      else for (const each of reflection.signatures ?? [reflection]) add(each, example)
    }
    for (const page of project.getReflectionsByKind(ReflectionKind.Document) as DocumentReflection[]) entitle(page)
    // What a package exports without a subpath has no name of its own.
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) module.name ||= 'main'
    for (const name of unused) app.logger.warn(`${name} has an example, and is no public name`)
  })
}

/** Calls a page by its heading, not by its file. */
function entitle(page: DocumentReflection): void {
  const text = page.content.map((part) => part.text).join('')
  page.name = /^# (.+)$/m.exec(text)?.[1] ?? page.name
}

const NAMES =
  ReflectionKind.Class |
  ReflectionKind.Enum |
  ReflectionKind.Function |
  ReflectionKind.Interface |
  ReflectionKind.TypeAlias |
  ReflectionKind.Variable

/** Exported by a module itself, and no reference to another module's. */
function isPublic({ parent }: DeclarationReflection): boolean {
  return parent?.kindOf(ReflectionKind.Module | ReflectionKind.Project) ?? false
}

/** As `adapter-sdk`, or `adapter-sdk.testing` for a subpath. */
function moduleOf({ parent }: DeclarationReflection): string {
  const names: string[] = []
  for (let at = parent; at?.kindOf(ReflectionKind.Module); at = at.parent as typeof at) names.unshift(at.name)
  return names
    .join('.')
    .replace('@formbuilder/', '')
    .replace(/\.\.?$/, '')
}

function add(reflection: { comment?: Comment | undefined }, example: string): void {
  reflection.comment ??= new Comment()
  reflection.comment.blockTags.push(
    new CommentTag('@example', [{ kind: 'code', text: `\`\`\`ts\n${example}\n\`\`\`` }]),
  )
}
