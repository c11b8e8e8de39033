/** Reads the places in files from a stack: `src/complaint.ts:12`, and nothing else that a stack may hold. */
import { readFileSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Places in the adapter's code and its dependencies, innermost first, at most ten. Names of functions are left out, because
 * a name can be computed; so is a place whose file is not there, or has fewer lines, because a stack can be rewritten.
 * `isQuoted`: whether a citizen wrote this text. It decides where files cannot: a source map names files that are not shipped.
 */
export function framesOf(stack: string, message: string, isQuoted: (text: string) => boolean): readonly string[] {
  // What looks like a frame in the message is none.
  const start = message === '' ? -1 : stack.indexOf(message)
  const text = (start === -1 ? stack : stack.slice(start + message.length)).slice(0, MOST_CHARACTERS)
  const places = text
    .split('\n')
    .slice(0, MOST_LINES)
    .flatMap((line) => placeOf(line, isQuoted) ?? [])
  const counts = { own: 0, foreign: 0 }
  // A library must not crowd out the line of the handler that called it.
  return [...new Set(places)].filter(
    (place) => counts[place.startsWith(MODULES) ? 'foreign' : 'own']++ < MOST_OF_A_KIND,
  )
}

const MOST_CHARACTERS = 65_536
const MOST_LINES = 200
const MOST_OF_A_KIND = 5
const MODULES = 'node_modules/'

/** The place that one line of a stack names. The location is at its end, alone or in brackets. */
function placeOf(line: string, isQuoted: (text: string) => boolean): string | undefined {
  const [, found] = /^ {4}at (?:async )?(.{1,2000})$/.exec(line) ?? []
  if (found === undefined) return undefined
  if (!found.endsWith(')')) return place(found, isQuoted)
  // A path may have brackets itself.
  for (let from = found.lastIndexOf('('), tries = 0; from !== -1 && tries < 5; tries++) {
    const named = place(found.slice(from + 1, -1), isQuoted)
    if (named !== undefined) return named
    from = from === 0 ? -1 : found.lastIndexOf('(', from - 1)
  }
  return undefined
}

function place(location: string, isQuoted: (text: string) => boolean): string | undefined {
  const [, where = '', number = ''] = LOCATION.exec(location) ?? []
  const line = Number(number)
  const file = pathOf(where)
  if (file === undefined || line < 1) return undefined
  const code = codeOf(file)
  if (code !== undefined) return line <= code.lines ? `${code.shown}:${line}` : undefined
  const shown = shownPath(file)
  const isMapped = process.sourceMapsEnabled && SOURCE.test(shown) && !isQuoted(shown) && !isQuoted(number)
  return isMapped ? `${shown}:${line}` : undefined
}

// A path or a file URL, a line and a column. No data: URL, no <anonymous>, no node: and no code made by eval is one.
const LOCATION = /^((?:file:\/\/)?(?:\/|[A-Za-z]:[\\/])[^\0\n]*):(\d{1,6}):\d{1,6}$/
const CODE = /\.[cm]?[jt]sx?$/
const SOURCE = /^(?:@?[\w.+-]{1,60}\/){0,12}[\w.+-]{1,60}\.[cm]?[jt]sx?$/

function pathOf(where: string): string | undefined {
  try {
    const path = where.startsWith('file://') ? fileURLToPath(where) : where
    return CODE.test(path) ? path : undefined
  } catch {
    return undefined
  }
}

interface Code {
  readonly shown: string
  readonly lines: number
}

const known = new Map<string, Code>()
const MOST_KNOWN = 1000
const MOST_BYTES = 16_777_216

/** What is known of a file with code; undefined if it is not there. Each file is read once. */
function codeOf(file: string): Code | undefined {
  const code = known.get(file)
  if (code !== undefined) return code
  try {
    const { size } = statSync(file)
    if (size > MOST_BYTES) return undefined
    const read = { shown: shownPath(file), lines: readFileSync(file).toString('latin1').split('\n').length }
    if (known.size >= MOST_KNOWN) known.clear()
    known.set(file, read)
    return read
  } catch {
    return undefined
  }
}

/** The path inside its package, so that it names no folder of the host. */
function shownPath(file: string): string {
  const path = file.split(sep).join('/')
  const modules = path.lastIndexOf(`/${MODULES}`)
  if (modules !== -1) return path.slice(modules + 1)
  const root = packageOf(dirname(file))
  if (root === undefined) return basename(file)
  const inside = relative(root.folder, file).split(sep).join('/')
  return root.folder === packageOf(process.cwd())?.folder || root.name === undefined ? inside : `${root.name}/${inside}`
}

interface Package {
  readonly folder: string
  readonly name: string | undefined
}

/** The nearest folder above with a package.json. */
function packageOf(folder: string): Package | undefined {
  try {
    const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: unknown }
    const isName = typeof name === 'string' && /^(?:@[a-z0-9-][\w.-]*\/)?[a-z0-9-][\w.-]*$/.test(name)
    return { folder, name: isName ? name : undefined }
  } catch {
    const parent = dirname(folder)
    return parent === folder ? undefined : packageOf(parent)
  }
}
