import { createCipheriv, createHash, randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AxiosInstance } from 'axios'
import { expect } from 'chai'
import { CompactEncrypt } from 'jose'
import { type OpticsStandIn, startOpticsStandIn } from '../src/stand-in/index.ts'
import { type AdapterProcess, freePort, httpClient, ready, spawnAdapter } from './adapter-process.ts'
import { KEYS, until } from './client.ts'
import { type Recorded, recordedAs } from './mapping.ts'
import { localhostPki } from './pki.ts'

const SHARED_KEY = '5d6dc7fc083ea4f0'

describe('the command optics-adapter', () => {
  let folder: string
  let standIn: OpticsStandIn
  let store: Server
  let adapter: AdapterProcess
  let http: AxiosInstance
  const stored = new Map<string, string>()

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'optics-adapter-'))
    const pki = await localhostPki()
    const [ca, cert, key] = await Promise.all(
      (['ca', 'cert', 'key'] as const).map(async (name) => {
        await writeFile(join(folder, name), pki[name])
        return join(folder, name)
      }),
    )
    standIn = await startOpticsStandIn({ ...KEYS, tls: pki, ca: pki.ca })
    store = createServer(pki, (request, response) => response.end(stored.get(request.url ?? ''))).listen(0, '127.0.0.1')
    await once(store, 'listening')
    const port = await freePort()
    http = httpClient(`https://localhost:${port}`, new Agent({ ca: pki.ca }))
    adapter = spawnAdapter({
      NODE_EXTRA_CA_CERTS: ca ?? '',
      PORT: String(port),
      HOST: `localhost:${port}`,
      TLS_CERT_FILE: cert ?? '',
      TLS_KEY_FILE: key ?? '',
      DATA_DIR: join(folder, 'data'),
      JWE_SHARED_KEY: SHARED_KEY,
      ATTACHMENT_HOSTS: `localhost:${storePort()}`,
      OPTICS_ENDPOINT: standIn.url,
      OPTICS_API_KEY: KEYS.apiKey,
      OPTICS_SECRET_KEY: KEYS.secretKey,
      OPTICS_TIME_ZONE: 'UTC',
      COMMENT_TYPE: '1801265',
    })
    await ready(adapter, http)
  })
  after(async () => {
    await adapter?.[Symbol.asyncDispose]()
    await standIn?.stop()
    store?.close()
    await rm(folder, { recursive: true, force: true })
  })
  beforeEach(() => standIn.clear())

  const storePort = () => (store.address() as AddressInfo).port

  async function send(path: string, submission: unknown) {
    const jwe = await new CompactEncrypt(Buffer.from(JSON.stringify(submission)))
      .setProtectedHeader({ alg: 'dir', enc: 'A128GCM' })
      .encrypt(Buffer.from(SHARED_KEY))
    return http.post(path, jwe, { headers: { 'Content-Type': 'application/x-www-form-urlencoded' } })
  }

  /** A file as the platform stores it: the hexadecimal text of AES-256-CBC. */
  function put(content: Buffer, mimetype: string, filename: string) {
    const [key, iv] = [randomBytes(32), randomBytes(16)]
    const cipher = createCipheriv('aes-256-cbc', key, iv)
    const path = `/${randomUUID()}`
    stored.set(path, Buffer.concat([cipher.update(content), cipher.final()]).toString('hex'))
    const encryption = { encryption_key: key.toString('base64'), encryption_iv: iv.toString('base64') }
    return { url: `https://localhost:${storePort()}${path}`, ...encryption, mimetype, filename }
  }

  const again = ({ submission }: Recorded, changes: object = {}) => ({
    ...submission,
    submissionId: randomUUID(),
    ...changes,
  })

  it('makes a complaint of a submission, and Optics fetches its files as they were', async () => {
    const example = recordedAs('complaint-v2', 'complaint-v2-full-two-attachments')
    const files = [Buffer.from('hello world\n'), randomBytes(100_000)] as const
    const attachments = [put(files[0], 'image/png', 'image.png'), put(files[1], 'application/pdf', 'document.pdf')]

    const answer = await send(example.route.path, again(example, { attachments }))

    expect(answer.status).to.equal(201)
    await until(() => standIn.cases()[0]?.documents.length === 2)
    const [made] = standIn.cases()
    const [createcase] = standIn.requests.filter(({ route }) => route === 'createcase')
    const ids = made?.documents.map(({ url }) => url.replace(/.*\//, '')) ?? []
    expect(createcase?.body).to.equal(
      example.expect.opticsRequestBodyRaw
        .replaceAll(`${example.env['HOST']}`, new URL(http.defaults.baseURL ?? '').host)
        .replace(/\{attachment-id-(\d)\}/g, (_, n) => ids[Number(n) - 1] ?? ''),
    )
    expect(made?.documents.map(({ fetched }) => fetched?.sha256)).to.deep.equal(
      files.map((file) => createHash('sha256').update(file).digest('hex')),
    )
  })

  for (const [file, name] of [
    ['comment-v2', 'comment-v2-full'],
    ['feedback-v2', 'feedback-v2-submission-date'],
    ['enquiry-v2', 'enquiry-v2-submission-date'],
  ] as const)
    it(`sends Optics the recorded bytes: ${name}`, async () => {
      const example = recordedAs(file, name)

      const answer = await send(example.route.path, again(example))

      expect(answer.status).to.equal(201)
      await until(() => standIn.cases().length === 1)
      const today = new Date().toISOString().slice(0, 10)
      const recorded = example.expect.opticsRequestBodyRaw.replace('2026-01-15', today)
      expect(standIn.requests.at(-1)?.body).to.equal(recorded)
    })

  it('makes one case of a submission that is sent again', async () => {
    const example = recordedAs('feedback-v2', 'feedback-v2-full')
    const submission = again(example)

    const statuses = []
    for (let n = 0; n < 3; n++) statuses.push((await send('/v2/feedback.json', submission)).status)

    await until(() => standIn.cases().length > 0)
    await send('/v2/feedback', again(example))
    await until(() => standIn.cases().length > 1)
    expect(statuses).to.deep.equal([201, 200, 200])
    expect(standIn.cases()).to.have.length(2)
  })

  it('names every setting that is missing or wrong in one message, and does not start', async () => {
    await using wrong = spawnAdapter({ OPTICS_TIME_ZONE: 'Mars/Olympus', RETRY_LIMIT: 'many' })

    const { output, exitCode } = await wrong.ended

    expect(exitCode).to.equal(1)
    for (const name of [
      'OPTICS_API_KEY',
      'OPTICS_SECRET_KEY',
      'OPTICS_TIME_ZONE',
      'HOST',
      'JWE_SHARED_KEY',
      'RETRY_LIMIT',
    ])
      expect(output).to.match(new RegExp(`^- .*\\b${name}\\b`, 'm'))
    expect(output).not.to.include('Mars')
  })

  it('stops when it is told to, having written nothing that a citizen wrote', async () => {
    adapter.child.kill('SIGTERM')

    const { output, exitCode } = await adapter.ended

    expect(exitCode).to.equal(0)
    for (const written of ['Life is unfair', 'first.last@test.com', 'image.png', SHARED_KEY, KEYS.secretKey])
      expect(output).not.to.include(written)
  })
})
