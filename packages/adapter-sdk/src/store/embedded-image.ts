/** Build step: prepares the data folder that a fresh embedded store begins with, so that nobody waits for initdb. */
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { IMAGE, openEmbedded } from './embedded.ts'
import { openStore } from './pg-boss.ts'

const STAMP = new URL('embedded-image.stamp', IMAGE)

/** Writes the image anew when what it is made of has changed. */
async function prepare(): Promise<void> {
  const wanted = fingerprint()
  if (existsSync(IMAGE) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return

  const folder = mkdtempSync(join(tmpdir(), 'embedded-image-'))
  try {
    const none = new URL('no-image', IMAGE)
    const store = await openStore(await openEmbedded(folder, none), [], { supervise: false, emit: () => undefined })
    await store.close()
    const data = join(folder, 'database')
    let pglite = await PGlite.create(data)
    // The templates of databases are two thirds of all files, each of which a start may have to bring to the disk.
    await pglite.exec("UPDATE pg_database SET datistemplate = false WHERE datname LIKE 'template%'")
    for (const name of ['template0', 'template1']) await pglite.exec(`DROP DATABASE ${name}`)
    await pglite.exec('VACUUM FULL')
    await pglite.exec('SELECT pg_switch_wal(); CHECKPOINT')
    const log = await pglite.query<{ used: string }>('SELECT pg_walfile_name(pg_current_wal_lsn()) AS used')
    await pglite.close()
    // Segments of the log that are kept for later are most of what would be unpacked.
    for (const segment of readdirSync(join(data, 'pg_wal'))) {
      if (/^[0-9A-F]{24}$/.test(segment) && segment !== log.rows[0]?.used) rmSync(join(data, 'pg_wal', segment))
    }
    pglite = await PGlite.create(data)
    const image = await pglite.dumpDataDir('gzip')
    await pglite.close()
    writeFileSync(IMAGE, Buffer.from(await image.arrayBuffer()))
    writeFileSync(STAMP, wanted)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Of the two libraries and of our own tables. */
function fingerprint(): string {
  const require = createRequire(import.meta.url)
  const hash = createHash('sha256')
  for (const name of ['pg-boss', '@electric-sql/pglite']) hash.update(readFileSync(require.resolve(name)))
  for (const file of ['store/schema.js', 'store/pg-boss.js', 'store/embedded-image.js'])
    hash.update(readFileSync(new URL(file, IMAGE)))
  return hash.digest('hex')
}

await prepare()
