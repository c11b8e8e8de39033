/** The examples of the reference: `examples/MODULE.ts` has a block for each public name of a module, and names it in a comment. */
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

export interface Example {
  /** As `adapter-sdk.testing`. */
  readonly module: string
  /** The public names that it shows. */
  readonly names: readonly string[]
  /** With the imports that it needs. */
  readonly text: string
}

/** Every example, in the order of the files. */
export function readExamples(): Example[] {
  const folder = join(import.meta.dirname, 'examples')
  return globSync('*.ts', { cwd: folder })
    .sort()
    .flatMap((file) => parse(basename(file, '.ts'), readFileSync(join(folder, file), 'utf8')))
}

/** A comment that names what is shown, and a block. The imports at the top of the file are shown as far as a block needs them. */
function parse(module: string, file: string): Example[] {
  const imports = [...file.matchAll(/^import (?:type )?(?:\{([^}]+)\}|(\w+)|\* as (\w+)) from ('[^']+')$/gm)]
  return [...file.matchAll(/^\/\/ ([\w, ]+)\n\{\n(.*?)^\}$/gms)].map(([, names = '', block = '']) => {
    const body = block.replaceAll(/^ {2}/gm, '').trimEnd()
    const isUsed = (name: string) => new RegExp(`(?<![\\w']|(?<!\\.\\.)\\.)${localName(name)}\\b`).test(body)
    const needed = imports.flatMap(([whole, list, standard, space, from]) => {
      if (list === undefined) return isUsed(standard ?? space ?? '') ? [whole] : []
      const used = list
        .split(',')
        .map((each) => each.trim())
        .filter((each) => each !== '' && isUsed(each))
      const type = used.every((each) => each.startsWith('type ')) || whole.startsWith('import type')
      const shown = used.map((each) => (type ? each.replace(/^type /, '') : each)).join(', ')
      return used.length === 0 ? [] : [`import ${type ? 'type ' : ''}{ ${shown} } from ${from}`]
    })
    return { module, names: names.split(', '), text: [...needed, ...(needed.length > 0 ? [''] : []), body].join('\n') }
  })
}

/** `type A as B` is used as B. */
function localName(imported: string): string {
  return imported.replace(/^type /, '').replace(/^.* as /, '')
}
