/** A guide read as a test reads it: its blocks of code, in order. */
import { readFileSync } from 'node:fs'

export interface Block {
  readonly language: string
  /** What stands after the language: a file to write, `background`, `elsewhere`, or nothing. */
  readonly note: string
  readonly text: string
  readonly line: number
}

export function readBlocks(file: string): Block[] {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(/^```(\w*) ?(\S*)\n(.*?)^```$/gms)].map((found) => ({
    language: found[1] ?? '',
    note: found[2] ?? '',
    text: found[3] ?? '',
    line: text.slice(0, found.index).split('\n').length,
  }))
}
