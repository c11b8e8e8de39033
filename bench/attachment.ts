/** Files captured before the answer and served for days: megabytes a second, and memory that must not grow with the file. */
import { execFileSync, fork } from 'node:child_process'
import { createCipheriv, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import type { AttachmentOrder, AttachmentReport } from './attachment-work.ts'
import type { Lab } from './lab.ts'
import type { Measure } from './report.ts'

const SIZES = [1, 7, 100]

export async function attachment(lab: Lab): Promise<Measure[]> {
  const measures: Measure[] = []
  const database = await lab.database('files')
  for (const megabytes of SIZES) {
    const file = encrypted(lab.folder, megabytes)
    const server = createServer(
      { cert: readFileSync(lab.cert), key: readFileSync(join(lab.folder, 'key.pem')) },
      (_request, response) => response.writeHead(200, { 'Content-Length': file.hex.byteLength }).end(file.hex),
    ).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const hosts = `localhost:${(server.address() as { port: number }).port}`
    for (const [store, where] of [
      ['folder', {}],
      ['PostgreSQL', { database }],
    ] as const) {
      const order: AttachmentOrder = {
        link: { ...file.secret, url: `https://${hosts}/file`, mimetype: null, filename: null },
        hosts,
        hexFile: file.path,
        bytes: megabytes * 1e6,
        rounds: megabytes === 100 ? 5 : 9,
        ...where,
      }
      measures.push(...rows(megabytes, store, await run(lab, order)))
    }
    const tools = megabytes === 100 ? commandLine(file) : undefined
    if (tools !== undefined)
      measures.push({ subject: `${megabytes} MB: basenc | openssl enc`, unit: 'MB/s', rounds: tools })
    server.closeAllConnections()
    server.close()
  }
  return measures
}

function rows(megabytes: number, store: string, report: AttachmentReport): Measure[] {
  const floor = `${megabytes} MB, ${store}: bare stream`
  return [
    { subject: floor, unit: 'MB/s', rounds: report.floor },
    {
      subject: `${megabytes} MB, ${store}: capture`,
      unit: 'MB/s',
      rounds: report.capture,
      against: floor,
      ...(megabytes === 7 && { mark: { ratio: 0.25 } }),
    },
    {
      subject: `${megabytes} MB, ${store}: serve`,
      unit: 'MB/s',
      rounds: report.serve,
      against: floor,
      mark: { ratio: 0.5 },
    },
    {
      subject: `${megabytes} MB, ${store}: memory above idle`,
      unit: 'MiB',
      rounds: report.memory,
      ...(megabytes === 100 && { mark: { value: 64, atMost: true as const } }),
    },
  ]
}

async function run(lab: Lab, order: AttachmentOrder): Promise<AttachmentReport> {
  const folder = join(lab.folder, `files-${Math.random()}`)
  mkdirSync(folder)
  const child = fork(join(import.meta.dirname, 'attachment-work.ts'), {
    env: { PATH: process.env['PATH'], NODE_EXTRA_CA_CERTS: lab.cert, DATA_DIR: folder },
  })
  await once(child, 'message')
  child.send(order)
  const [report] = (await once(child, 'message')) as [AttachmentReport]
  child.kill()
  return report
}

interface EncryptedFile {
  readonly path: string
  readonly hex: Buffer
  readonly secret: { readonly encryption_key: string; readonly encryption_iv: string }
}

function encrypted(folder: string, megabytes: number): EncryptedFile {
  const [key, iv] = [randomBytes(32), randomBytes(16)]
  const cipher = createCipheriv('aes-256-cbc', key, iv)
  const parts = [cipher.update(Buffer.alloc(megabytes * 1e6, 'a scanned page ')), cipher.final()]
  const hex = Buffer.from(Buffer.concat(parts).toString('hex'))
  const path = join(folder, `${megabytes}.hex`)
  writeFileSync(path, hex)
  return { path, hex, secret: { encryption_key: key.toString('base64'), encryption_iv: iv.toString('base64') } }
}

/** The same work by the tools of the system, where it has them. */
function commandLine({ path, secret }: EncryptedFile): number[] | undefined {
  const [key, iv] = [secret.encryption_key, secret.encryption_iv].map((text) =>
    Buffer.from(text, 'base64').toString('hex'),
  )
  const command = `tr a-f A-F < '${path}' > '${path}.upper' && for n in 1 2 3 4 5; do
    s=$(date +%s%N); basenc -d --base16 -w0 '${path}.upper' | openssl enc -d -aes-256-cbc -K ${key} -iv ${iv} > /dev/null || exit 1
    echo $(( $(date +%s%N) - s )); done`
  try {
    const lines = execFileSync('bash', ['-c', command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .trim()
      .split('\n')
    return lines.map((nanoseconds) => 100 / (Number(nanoseconds) / 1e9))
  } catch {
    return undefined
  }
}
