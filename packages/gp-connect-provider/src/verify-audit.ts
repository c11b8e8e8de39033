/** The command that verifies an audit trail: `gp-connect-verify-audit [--checkpoint SEQUENCE:HASH] FILE...`, oldest first. */
import { createReadStream } from 'node:fs'
import { parseArgs } from 'node:util'
import type { ChainEnd } from './audit/record.ts'
import { verifyAuditTrail } from './audit/verifier.ts'

const USAGE = 'usage: gp-connect-verify-audit [--checkpoint SEQUENCE:HASH] FILE...'

process.exitCode = await main(process.argv.slice(2))

async function main(args: string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { checkpoint: { type: 'string' } },
    })
    if (positionals.length === 0) throw new TypeError(USAGE)
    const verdict = await verifyAuditTrail(contents(positionals), readCheckpoint(values.checkpoint))
    console.log(
      verdict.intact
        ? `intact: ${verdict.end.sequence} records, last hash ${verdict.end.hash}`
        : `broken at line ${verdict.line}: ${verdict.reason}`,
    )
    return verdict.intact ? 0 : 1
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    return 2
  }
}

async function* contents(files: readonly string[]): AsyncIterable<string> {
  for (const file of files) yield* createReadStream(file, 'utf8') as AsyncIterable<string>
}

function readCheckpoint(text: string | undefined): ChainEnd | undefined {
  if (text === undefined) return undefined
  const [, sequence, hash] = /^(\d+):([0-9a-f]{64})$/.exec(text) ?? []
  if (sequence === undefined || hash === undefined) throw new TypeError(USAGE)
  return { sequence: Number(sequence), hash }
}
