/** Verifies an audit trail: no record is changed, removed, added or reordered. */
import { CHAIN_START, type ChainEnd, openRecord } from './record.ts'

/** The result: the end of an intact trail, or the first wrong line, counted from 1 over all files. */
export type Verdict =
  | { readonly intact: true; readonly end: ChainEnd }
  | { readonly intact: false; readonly line: number; readonly reason: BreakReason }

/** What is wrong with a line or with the whole trail. */
export type BreakReason =
  | 'not a record, or changed'
  | 'does not follow the record before it'
  | 'ends without a line break'
  | 'the checkpoint is not in the trail'

/**
 * Follows the chain from its start. The chain alone does not show that its last records were removed: pass the newest
 * `checkpoint` from the operational log to detect that too.
 */
export async function verifyAuditTrail(text: AsyncIterable<string>, checkpoint?: ChainEnd): Promise<Verdict> {
  let end = CHAIN_START
  let line = 0
  let rest = ''
  let passed = checkpoint === undefined
  for await (const chunk of text) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const content of lines) {
      line += 1
      const record = openRecord(content)
      if (record === undefined) return { intact: false, line, reason: 'not a record, or changed' }
      if (record.sequence !== end.sequence + 1 || record.previousHash !== end.hash) {
        return { intact: false, line, reason: 'does not follow the record before it' }
      }
      end = { sequence: record.sequence, hash: record.hash }
      passed ||= end.sequence === checkpoint?.sequence && end.hash === checkpoint.hash
    }
  }
  if (rest !== '') return { intact: false, line: line + 1, reason: 'ends without a line break' }
  return passed ? { intact: true, end } : { intact: false, line, reason: 'the checkpoint is not in the trail' }
}
