import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { encryptCompact } from '../../src/protocol/jwe.ts'
import { type Key, parseKeyring } from '../../src/protocol/keyring.ts'
import { openEmbedded } from '../../src/store/embedded.ts'
import { type DevelopmentCertificate, makeDevelopmentCertificate } from '../../src/testing/index.ts'
import { ask } from '../../src/testing/sender.ts'
import { until } from '../until.ts'

const KEY = 'k7Wq2mZx9LtR4vBn'

describe('the embedded store', () => {
  let folder: string
  let certificate: DevelopmentCertificate
  const children: ChildProcess[] = []
  const file = (name: string) => join(folder, name)
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'embedded-test-'))
    certificate ??= await makeDevelopmentCertificate()
    writeFileSync(file('cert.pem'), certificate.cert)
    writeFileSync(file('key.pem'), certificate.key)
  })
  afterEach(async () => {
    for (const child of children.splice(0)) await end(child, 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })

  function start(also: { [name: string]: string } = {}, preload?: string) {
    const { PATH = '' } = process.env
    const preloading =
      preload === undefined ? [] : ['--import', pathToFileURL(resolve(import.meta.dirname, preload)).href]
    const child = spawn(process.execPath, [...preloading, resolve(import.meta.dirname, '../adapter-process.ts')], {
      env: {
        PATH,
        PORT: '0',
        LISTEN_HOST: '127.0.0.1',
        TLS_CERT_FILE: file('cert.pem'),
        TLS_KEY_FILE: file('key.pem'),
        JWE_SHARED_KEY: KEY,
        DATA_DIR: file('data'),
        LOG_LEVEL: 'silent',
        ...also,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    children.push(child)
    let [errors, output] = ['', '']
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.stderr.on('data', (chunk) => {
      errors += chunk
    })
    const port = new Promise<number>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const found = /^port (\d+)$/.exec(line)
        if (found !== null) resolve(Number(found[1]))
      })
      child.once('close', () => reject(new Error(`it ended: ${errors}`)))
    })
    port.catch(() => undefined)
    return { child, port, errors: () => errors, output: () => output }
  }
  async function send(port: number, submissionId: string) {
    const payload = { serviceSlug: 'test-form', submissionId, submissionAnswers: {}, attachments: [] }
    const body = await encryptCompact(JSON.stringify(payload), parseKeyring(KEY).keys[0] as Key)
    return await ask({ port, ca: certificate.cert }, 'POST', '/v2/complaint', { body })
  }

  it('belongs to one process: a second one stops and says why', async () => {
    await start().port

    const second = start()
    const [code] = await once(second.child, 'close')

    expect(code).to.equal(1)
    expect(second.errors()).to.match(/ERR_STORE_LOCKED: another process uses the data folder .*data; stop it first/)
  })

  it('belongs to one adapter of a process, too', async () => {
    const first = await openEmbedded(file('data'))

    const second = await openEmbedded(file('data')).catch((error: unknown) => error)
    await first.close()
    await (await openEmbedded(file('data'))).close()

    expect(second).to.have.property('code', 'ERR_STORE_LOCKED')
  })

  it('is free at once when its process was killed, and holds what that had acknowledged', async () => {
    const first = start({ HANDLER: 'hangs' })
    const answer = await send(await first.port, 'kept')
    await end(first.child, 'SIGKILL')

    const database = await openEmbedded(file('data'))
    const rows = await database.query('SELECT submission_id, state FROM formbuilder.submission')
    await database.close()

    expect(answer.status).to.equal(201)
    expect(rows).to.deep.equal([{ submission_id: 'kept', state: 'waiting' }])
  })

  it('answers 201 only when the log that holds the submission was brought to the disk after it was sent', async () => {
    const { port } = start({ DISK_TRACE: file('trace'), HANDLER: 'hangs' }, '../traced-disk.ts')
    const sent: { id: string; began: number; ended: number; status: number }[] = []
    for (let n = 10; n < 16; n++) {
      const [id, began] = [`durable-${n}`, Number(process.hrtime.bigint())]
      const { status } = await send(await port, id)
      sent.push({ id, began, ended: Number(process.hrtime.bigint()), status })
    }

    const syncs = readFileSync(file('trace'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { began: number; ended: number; submissions: string[] })

    for (const { id, began, ended, status } of sent) {
      const proof = syncs.filter((sync) => sync.began > began && sync.ended < ended && sync.submissions.includes(id))
      expect(status).to.equal(201)
      expect(proof, id).to.not.deep.equal([])
    }
  })

  it('is made again when its first start was cut short', async () => {
    const { child } = start()
    await until(() => existsSync(file('data/database/PG_VERSION')))
    await end(child, 'SIGKILL')
    const wasCutShort = existsSync(file('data/database.being-made'))
    rmSync(file('data/database/global'), { recursive: true, force: true })

    const again = start()
    const answer = await send(await again.port, 'taken')

    expect([wasCutShort, answer.status]).to.deep.equal([true, 201])
  })

  it('is not made again when it is whole', async () => {
    const database = await openEmbedded(file('data'))
    await database.query('CREATE TABLE kept (a int)')
    await database.close()

    const again = await openEmbedded(file('data'))
    const rows = await again.query('SELECT * FROM kept')
    await again.close()

    expect(rows).to.deep.equal([])
  })

  it('ends the process when the database has ended, so that a new one goes on', async () => {
    const { child, port } = start({ DATABASE_DIES_WHILE: file('dies') }, '../traced-disk.ts')
    const number = await port
    const ended = once(child, 'close')
    writeFileSync(file('dies'), '')

    const answer = await send(number, 'not-taken').catch(() => undefined)
    const [code] = await ended

    expect(answer?.status ?? 503).to.equal(503)
    expect(code).to.equal(1)
  })

  it('ends the process when the disk is full, and says so; what was acknowledged is found again', async () => {
    const also = { DISK_FULL_WHILE: file('full'), HANDLER: 'hangs', LOG_LEVEL: 'error' }
    const { child, port, output } = start(also, '../traced-disk.ts')
    const number = await port
    const kept = await send(number, 'kept')
    const ended = once(child, 'close')
    writeFileSync(file('full'), '')

    const refused = await send(number, 'refused').catch(() => undefined)
    const [code] = await ended
    rmSync(file('full'))
    const again = start({ HANDLER: 'hangs' })
    const repeated = await send(await again.port, 'kept')
    const taken = await send(await again.port, 'refused')

    expect([kept.status, refused?.status ?? 503, code]).to.deep.equal([201, 503, 1])
    expect(output()).to.match(/"during":"run","code":"Error ENOSPC"/)
    expect([repeated.status, taken.status]).to.deep.equal([200, 201])
  })

  it('keeps its folder from other users', async () => {
    mkdirSync(file('parent'))
    await (await openEmbedded(file('parent/data'))).close()

    expect(statSync(file('parent/data')).mode & 0o777).to.equal(0o700)
  })
})

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill(signal)
  await closed
}
