/** Finds the files that the answer to an upload question names. A function, for a handler. */

/** A file of a submission, as far as it is needed here: an attachment, or a missing one. */
export interface NamedFile {
  readonly filename: string | null
}

/** A name in an answer, with the file that has it. */
export interface Upload<File extends NamedFile = NamedFile> {
  /** As sent. */
  readonly name: string
  /** Absent: the submission has no file of this name. */
  readonly file?: File
}

/**
 * The uploads that an answer names, each with its file. Form Builder joins names with `"; "`, which a name may hold itself:
 * the files tell which names there are. It also changes the extension of a file, so that is not compared. `sent` is the
 * answer, or what `upload` or `multiupload` made of it. A file is taken once, in the order of the submission.
 */
export function filesOf<File extends NamedFile>(
  sent: string | readonly string[],
  files: readonly File[],
): Upload<File>[] {
  const text = typeof sent === 'string' ? sent : sent.join(SEPARATOR)
  if (text === '') return []
  const left = [...files]
  const parts = text.split(SEPARATOR)
  const uploads: Upload<File>[] = []
  for (let start = 0; start < parts.length; ) {
    const { name, count, at } = longestName(parts, start, left)
    const [file] = at === undefined ? [] : left.splice(at, 1)
    uploads.push(file === undefined ? { name } : { name, file })
    start += count
  }
  return uploads
}

const SEPARATOR = '; '

/** The longest run of parts that is the name of a file; the first part alone when there is none. */
function longestName(parts: readonly string[], start: number, files: readonly NamedFile[]) {
  const known = new Map(files.map(({ filename }, at) => [comparable(filename ?? ''), at] as const).reverse())
  const most = Math.max(1, ...files.map(({ filename }) => (filename ?? '').split(';').length))
  // An escaped `&` in the answer has a semicolon that the name of the file need not have.
  for (let count = Math.min(parts.length - start, most + ESCAPED_PARTS); count >= 1; count--) {
    const name = parts.slice(start, start + count).join(SEPARATOR)
    const at = known.get(comparable(name))
    if (at !== undefined) return { name, count, at }
  }
  return { name: parts[start] ?? '', count: 1 }
}

const ESCAPED_PARTS = 20

/** A name as it is on both sides: without extension, escapes, and the characters that the sender removes. */
function comparable(name: string): string {
  return name
    .replace(/(?<=[^.])\.[^.;]*$/, '')
    .replace(/&(amp|lt|gt|quot|#39);/g, (escaped) => ESCAPES[escaped] ?? '')
    .replace(/[>"[\]{}*?:|/<\\]/g, '')
    .normalize('NFC')
    .trim()
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
}
