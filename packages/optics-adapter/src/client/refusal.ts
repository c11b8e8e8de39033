/** Reads the headers of an error answer. Error bodies are never read: they are HTML pages and may quote the case. */
import type { OpticsAnswer } from './exchange.ts'

/** The error that Optics names in its headers, in brackets and safe to log; "" when it names none. */
export function applicationError({ header }: Pick<OpticsAnswer, 'header'>): string {
  const named = ['X-Application-Error-Code', 'X-Application-Error-Info']
    .map((name) => [name, safeToLog(header(name.toLowerCase()))])
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name} ${value}`)
  return named.length === 0 ? '' : ` (${named.join(', ')})`
}

const LOGGED_CHARACTERS = 80

function safeToLog(value: string): string {
  return value
    .replace(/[^A-Za-z0-9_. -]/g, '')
    .trim()
    .slice(0, LOGGED_CHARACTERS)
}
