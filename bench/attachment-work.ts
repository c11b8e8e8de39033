/** Captures a file and reads it back, in a process of its own, so that its memory can be told. */
import { createDecipheriv } from 'node:crypto'
import { createReadStream, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { AttachmentLink } from '@formbuilder/adapter-sdk/protocol'
import pg from 'pg'
import { openAttachment } from '../packages/adapter-sdk/src/files/attachment.ts'
import { createCapture, isCaptured } from '../packages/adapter-sdk/src/files/capture.ts'
import { folderStore } from '../packages/adapter-sdk/src/files/folder.ts'
import { parseAttachmentHosts } from '../packages/adapter-sdk/src/files/hosts.ts'
import { attachmentTables, tableStore } from '../packages/adapter-sdk/src/files/table.ts'

export interface AttachmentOrder {
  readonly link: AttachmentLink
  readonly hosts: string
  readonly hexFile: string
  readonly bytes: number
  readonly rounds: number
  readonly database?: string
}

/** Megabytes a second, a figure for each round, and mebibytes above what the process had when idle. */
export interface AttachmentReport {
  readonly floor: readonly number[]
  readonly capture: readonly number[]
  readonly serve: readonly number[]
  readonly memory: readonly number[]
}

process.send?.('ready')
process.on('message', (order: AttachmentOrder) => {
  void work(order).then((report) => process.send?.(report))
})

async function work(order: AttachmentOrder): Promise<AttachmentReport> {
  const pool = order.database === undefined ? undefined : new pg.Pool({ connectionString: order.database, max: 4 })
  await pool?.query(attachmentTables('bench'))
  const store =
    pool === undefined ? folderStore(join(process.env['DATA_DIR'] ?? '', 'files')) : tableStore(pool, 'bench')
  const hosts = parseAttachmentHosts(order.hosts)
  const { capture } = createCapture({ store, hosts, fileTimeoutSeconds: 300, timeoutSeconds: 300 })
  const report = { floor: [] as number[], capture: [] as number[], serve: [] as number[], memory: [] as number[] }
  const key = Buffer.from(order.link.encryption_key, 'base64')
  const iv = Buffer.from(order.link.encryption_iv, 'base64')

  async function rate(work: () => Promise<unknown>): Promise<number> {
    const began = performance.now()
    await work()
    return order.bytes / 1e6 / ((performance.now() - began) / 1000)
  }
  for (let round = 0; round < order.rounds; round++) {
    report.floor.push(
      await rate(() =>
        pipeline(
          createReadStream(order.hexFile, { highWaterMark: 262_144 }),
          hexDecoder(),
          createDecipheriv('aes-256-cbc', key, iv),
          drain,
        ),
      ),
    )
    const idle = resident('VmRSS')
    writeFileSync('/proc/self/clear_refs', '5') // the peak starts again
    const files = await new Promise<Awaited<ReturnType<typeof capture>>>((done, failed) => {
      void rate(async () => done(await capture([order.link])))
        .then((each) => report.capture.push(each))
        .catch(failed)
    })
    const [file] = files
    if (file === undefined || !isCaptured(file)) throw new Error(file?.missing ?? 'nothing was captured')
    report.serve.push(await rate(() => drain(openAttachment(store, file, order.link))))
    report.memory.push(resident('VmHWM') - idle)
    await store.remove([file.id])
  }
  await pool?.end()
  return report
}

async function drain(source: AsyncIterable<Buffer> | Readable): Promise<void> {
  for await (const chunk of source) void chunk
}

function hexDecoder(): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, Buffer.from(chunk.toString('latin1'), 'hex'))
    },
  })
}

function resident(field: string): number {
  return (
    Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1024
  )
}
