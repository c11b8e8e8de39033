/** Recognises the words of a submission, so that none is kept as the name or the code of an error. */

/**
 * Returns whether a text holds a word of these values: of short ones (a name, a number, an address, the parts of a link)
 * each word; of long ones only what has a digit, because a long text has every ordinary word.
 */
export function quotedIn(...values: readonly unknown[]): (text: string) => boolean {
  const words = new Set<string>()
  const collect = (value: unknown, depth: number): void => {
    if (words.size > MOST_WORDS || depth > 20) return
    if (typeof value === 'string' || typeof value === 'number') add(String(value))
    else if (typeof value === 'object' && value !== null)
      for (const each of Object.values(value)) collect(each, depth + 1)
  }
  const add = (text: string): void => {
    const found = wordsOf(text.slice(0, MOST_CHARACTERS))
    const isShort = text.length <= SHORT_CHARACTERS
    for (const word of found) if (word.length >= 3 && (isShort || /\d/.test(word))) words.add(word)
    const whole = found.join('')
    if (isShort && whole.length >= 3) words.add(whole)
  }
  let isCollected = false
  return (text) => {
    // Most attempts do not fail.
    if (!isCollected) for (const value of values) collect(value, 0)
    isCollected = true
    const parts = wordsOf(text.replace(/([a-z])(?=[A-Z])/g, '$1 '))
    const whole = parts.join('')
    return words.has(whole) || parts.some((part, i) => words.has(part) || words.has(`${part}${parts[i + 1] ?? ''}`))
  }
}

const MOST_WORDS = 20_000
const MOST_CHARACTERS = 100_000
const SHORT_CHARACTERS = 100

function wordsOf(text: string): string[] {
  return (
    text
      .normalize('NFKD')
      .toUpperCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  )
}
