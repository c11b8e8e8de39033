/** A process that writes a file and never comes to its end: node attachments-writer.ts folder|table PLACE ID. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { folderStore } from '../../dist/files/folder.js'
import { tableStore } from '../../dist/files/table.js'

const [kind, place = '', id = ''] = process.argv.slice(2)
const store = kind === 'folder' ? folderStore(place) : tableStore(new pg.Pool({ connectionString: place }), 'files')

async function* endless() {
  for (let megabytes = 0; megabytes < 3; megabytes += 1) yield randomBytes(1_000_000)
  process.send?.('written')
  await new Promise(() => setInterval(() => {}, 60_000))
}

await store.write(id, endless())
