/** The ways in which an output can be read: as it is, and with what is encoded in it decoded. */

/** An output, or what is encoded in it, in a form that can be searched. */
export interface Reading {
  /** How it was encoded: `base64`, or `URL-encoded in JSON-escaped`. Empty: not at all. */
  readonly how: string
  /** Without accents, in one case, with single spaces. */
  readonly folded: string
  /** Letters and digits only. */
  readonly bare: string
  /** The bytes, one for each character. */
  readonly bytes: string
}

/** All readings of an output, up to three encodings deep. */
export function readings(output: string): Reading[] {
  const seen = new Set([output])
  const all: Reading[] = []
  let latest: { readonly how: string; readonly decoded: Buffer }[] = [{ how: '', decoded: Buffer.from(output) }]
  for (let depth = 0; latest.length > 0; depth++) {
    all.push(...latest.map(({ how, decoded }) => readingOf(how, decoded)))
    if (depth === DEPTH) break
    latest = latest.flatMap(({ how, decoded }) => {
      const text = decoded.toString()
      return Object.entries(DECODERS)
        .flatMap(([name, decode]) =>
          decode(text).map((next) => ({ how: how === '' ? name : `${name} in ${how}`, decoded: next })),
        )
        .filter((next) => isNew(next.decoded))
    })
  }
  return all

  function isNew(decoded: Buffer): boolean {
    const key = decoded.toString('latin1')
    if (key === '' || seen.has(key)) return false
    seen.add(key)
    return true
  }
}

/** A text as `Reading.folded` has it. */
export function folded(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/\s+/g, ' ')
}

/** A folded text as `Reading.bare` has it. */
export function withoutSigns(text: string): string {
  return text.replace(/[^\p{L}\p{N}]/gu, '')
}

const DEPTH = 3

function readingOf(how: string, decoded: Buffer): Reading {
  const text = folded(decoded.toString())
  return { how, folded: text, bare: withoutSigns(text), bytes: decoded.toString('latin1') }
}

const DECODERS: Readonly<Record<string, (text: string) => readonly Buffer[]>> = {
  'JSON-escaped': (text) =>
    replaced(text, /\\(?:u([\da-f]{4})|x([\da-f]{2})|(.))/gi, (_all, u, x, other = '') =>
      other === '' ? String.fromCharCode(Number.parseInt(u ?? x ?? '', 16)) : (ESCAPES[other] ?? other),
    ),
  'URL-encoded': (text) =>
    replaced(text, /(?:%[\da-f]{2})+|\+/gi, (all) =>
      all === '+' ? ' ' : Buffer.from(all.replaceAll('%', ''), 'hex').toString(),
    ),
  'HTML-escaped': (text) =>
    replaced(text, /&(?:#x([\da-f]{1,5})|#(\d{1,6})|(amp|lt|gt|quot|apos|nbsp));/gi, (_all, x, decimal, name) =>
      name === undefined
        ? String.fromCodePoint(x === undefined ? Number(decimal) : Number.parseInt(x, 16))
        : (ENTITIES[name.toLowerCase()] ?? ''),
    ),
  // In each of four alignments, because what stands before it may look like a part of it.
  base64: (text) =>
    [0, 1, 2, 3].map((skipped) =>
      joined(runs(text, /[\w+/-]{7,}/g), (run) => Buffer.from(run.slice(skipped), 'base64url')),
    ),
  hexadecimal: (text) =>
    [0, 1].map((skipped) => joined(runs(text, /[\da-f]{10,}/gi), (run) => Buffer.from(run.slice(skipped), 'hex'))),
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' }
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' }

/** The text with everything replaced that fits; nothing if nothing does. */
function replaced(
  text: string,
  pattern: RegExp,
  replace: (all: string, ...groups: (string | undefined)[]) => string,
): readonly Buffer[] {
  const decoded = text.replace(pattern, (all: string, ...groups: (string | undefined)[]) => replace(all, ...groups))
  return decoded === text ? [] : [Buffer.from(decoded)]
}

/** What fits in the text, and in the text with its lines joined: long encodings are broken into lines. */
function runs(text: string, pattern: RegExp): string[] {
  const onOneLine = text.replace(/(?:\r?\n|\\r?\\n)[ \t]*/g, '')
  return [...(text.match(pattern) ?? []), ...(onOneLine === text ? [] : (onOneLine.match(pattern) ?? []))]
}

/** What was decoded from each run, apart from each other. */
function joined(encoded: readonly string[], decode: (run: string) => Buffer): Buffer {
  return Buffer.concat(encoded.flatMap((run) => [decode(run), APART]))
}

const APART = Buffer.from('\u0000\n')
