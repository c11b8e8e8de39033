/**
 * A process that captures a file and reads it back: node attachments-reader.ts folder|table PLACE, with a message of links.
 * For each it answers by how many bytes its memory grew, from after the first.
 */
import { createHash } from 'node:crypto'
import pg from 'pg'
import { openAttachment } from '../../dist/files/attachment.js'
import { createCapture, isCaptured } from '../../dist/files/capture.js'
import { folderStore } from '../../dist/files/folder.js'
import { parseAttachmentHosts } from '../../dist/files/hosts.js'
import { tableStore } from '../../dist/files/table.js'
import type { AttachmentLink } from '../../dist/protocol/submission.js'

const [kind, place = ''] = process.argv.slice(2)
const pool = new pg.Pool({ connectionString: place, max: 4 })
const store = kind === 'folder' ? folderStore(place) : tableStore(pool, 'files')

process.once('message', async ({ links, certificate }: { links: AttachmentLink[]; certificate: string }) => {
  const hosts = parseAttachmentHosts(new URL(links[0]?.url ?? '').host)
  const { capture } = createCapture({ store, hosts, authorities: [certificate], timeoutSeconds: 120 })
  const idle = { rss: 0 }
  let most = 0
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss())
  }, 2)
  for (const link of links) {
    most = 0
    const [file] = await capture([link])
    if (file === undefined || !isCaptured(file)) throw new Error(file?.message)
    const captureBytes = most - idle.rss
    most = 0
    const sha256 = createHash('sha256')
    for await (const chunk of openAttachment(store, file, link)) sha256.update(chunk)
    process.send?.({ captureBytes, readBytes: most - idle.rss, sha256: sha256.digest('hex') })
    idle.rss = process.memoryUsage.rss()
  }
  clearInterval(watch)
  await pool.end()
  process.disconnect()
})
