/** What the head of a refusal says. Bodies of errors are never read: they are pages, and may quote the case. */
import type { OpticsAnswer } from './exchange.ts'

/** The error that Optics names in its headers, in brackets and made safe to show; "" when it names none. */
export function applicationError({ header }: Pick<OpticsAnswer, 'header'>): string {
  const named = ['X-Application-Error-Code', 'X-Application-Error-Info']
    .map((name) => [name, shown(header(name.toLowerCase()))])
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name} ${value}`)
  return named.length === 0 ? '' : ` (${named.join(', ')})`
}

/** `Retry-After`, given in seconds or as a date: how long from now. */
export function retryAfterSeconds({ header }: Pick<OpticsAnswer, 'header'>): number | undefined {
  const value = header('retry-after').trim()
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000
  return seconds > 0 ? Math.ceil(seconds) : undefined
}

const SHOWN_CHARACTERS = 80

function shown(value: string): string {
  return value
    .replace(/[^A-Za-z0-9_. -]/g, '')
    .trim()
    .slice(0, SHOWN_CHARACTERS)
}
