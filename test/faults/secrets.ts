/** Looks for what must not be found: in files byte by byte, and in logs. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** A text that must be nowhere, under a name that may be shown. */
export interface Secret {
  readonly name: string
  readonly bytes: Buffer
}

/** Names of secrets, with where they were found. Reads each place once, however many secrets there are. */
export function findSecrets(secrets: readonly Secret[], places: Readonly<Record<string, Buffer>>): string[] {
  const isStart = new Uint8Array(65_536)
  const byStart = Map.groupBy(secrets, ({ bytes }) => bytes.readUInt32LE(0))
  for (const start of byStart.keys()) isStart[start & 0xffff] = 1

  const found = new Set<string>()
  for (const [place, bytes] of Object.entries(places)) {
    for (let position = 0; position + 4 <= bytes.byteLength; position++) {
      // Two bytes rule out nearly everything, without a call.
      if (isStart[(bytes[position] as number) | ((bytes[position + 1] as number) << 8)] === 0) continue
      for (const secret of byStart.get(bytes.readUInt32LE(position)) ?? []) {
        const here = bytes.subarray(position, position + secret.bytes.byteLength)
        if (here.equals(secret.bytes)) found.add(`${secret.name} in ${place}`)
      }
    }
  }
  return [...found]
}

/** Every file below a folder. */
export function filesBelow(folder: string): Record<string, Buffer> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const files = names.filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isFile())
  return Object.fromEntries(files.map((name) => [name, readFileSync(join(folder, name))]))
}
