import type { Case } from './cases.ts'

/** Cases of our own beside the fixture file. */
export function moreCases(): readonly Case[] {
  return []
}
