/** Build step: prepares the data folder that a fresh embedded store begins with, so that nobody waits for initdb. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { PGlite } from '@electric-sql/pglite'
import { IMAGE, wrap } from './embedded.ts'
import { openStore } from './store.ts'

const STAMP = new URL('embedded-image.stamp', IMAGE)

/** Writes the image anew when what it is made of has changed. */
async function prepare(): Promise<void> {
  const wanted = await fingerprint()
  if (existsSync(IMAGE) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return

  const pglite = await PGlite.create()
  const database = wrap(pglite, () => undefined)
  const store = await openStore(database, [], { supervise: false, emit: () => undefined })
  await store.boss.stop({ graceful: false, close: false })
  await pglite.exec('VACUUM FULL')
  await pglite.exec('CHECKPOINT')
  const image = await pglite.dumpDataDir('gzip')
  writeFileSync(IMAGE, Buffer.from(await image.arrayBuffer()))
  writeFileSync(STAMP, wanted)
  await pglite.close()
}

/** Of the two libraries and of our own tables. */
async function fingerprint(): Promise<string> {
  const require = createRequire(import.meta.url)
  const hash = createHash('sha256')
  for (const file of ['pg-boss', '@electric-sql/pglite'].map((name) => require.resolve(name)))
    hash.update(readFileSync(file))
  for (const file of ['schema.js', 'store.js']) hash.update(readFileSync(new URL(file, IMAGE)))
  return hash.digest('hex')
}

await prepare()
