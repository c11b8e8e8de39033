/** Lines of the log as a person reads them on a terminal. */
import { styleText } from 'node:util'

type Format = Parameters<typeof styleText>[0]

/**
 * The time, the level, what happened, and the rest as `name=value`. A line that is no JSON object stays as it is, but for
 * characters that a terminal would take for commands. In colours, if standard output is a terminal that has them and `NO_COLOR` is not set.
 */
export function readable(line: string): string {
  const { time, level, event, msg, ...rest } = parse(line) ?? { msg: line }
  if (typeof level !== 'string') return plain(line)
  const words = [
    paint('dim', clock(time)),
    paint(COLOURS[level] ?? 'green', level.padEnd(5)),
    paint('bold', plain(String(event ?? msg ?? ''))),
    ...(event !== undefined && msg !== undefined && msg !== event ? [plain(String(msg))] : []),
    ...Object.entries(rest).map(([name, value]) => `${paint('dim', `${plain(name)}=`)}${shown(value)}`),
  ]
  return words.join(' ')
}

function paint(format: Format, text: string): string {
  return styleText(format, text, { stream: process.stdout })
}

const COLOURS: Readonly<Record<string, Format>> = { debug: 'gray', info: 'green', warn: 'yellow', error: 'red' }

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** By the clock of the developer. */
function clock(time: unknown): string {
  const at = new Date(String(time))
  return Number.isNaN(at.getTime()) ? '--:--:--' : at.toTimeString().slice(0, 8)
}

function shown(value: unknown): string {
  const text = typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
  return plain(text)
}

function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal would obey.
  return text.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
