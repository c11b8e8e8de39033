import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { createAdapter } from '@formbuilder/adapter-sdk'
import { keptCertificate } from '@formbuilder/adapter-sdk/file-server'
import {
  createAttachmentDecipher,
  createHexDecoder,
  decryptCompact,
  parseKeyring,
} from '@formbuilder/adapter-sdk/protocol'
import { developmentEnvironment } from '@formbuilder/adapter-sdk/testing'
import { expect } from 'chai'
import { freePort } from '../../adapter-sdk/test/free-port.ts'
import { until } from '../../adapter-sdk/test/until.ts'
import { Uploads, uploadOf } from '../src/uploads.ts'
import { makeCertificate } from './certificate.ts'
import { failure } from './outcome.ts'
import { json, Receiver, type Reply } from './receiver.ts'
import { runCommand } from './run-command.ts'

const KEY = 'Xk2fQ9wLs7TgBzR4'
const ID = '72c49803-e9c3-42ac-bde1-09c04595a2d3'
const PHOTO = Buffer.from([0xff, 0xd8, 0xff, 0xe0, ...Array(5000).fill(7)])
const SUBMISSION = { serviceSlug: 's', submissionId: ID, submissionAnswers: {}, attachments: [] }
const BIN = join(import.meta.dirname, '../bin/submitter.cjs')
const ACCEPTED = json(201, { status: 'accepted' })

describe('files of a submission', () => {
  let folder: string
  let ca: string
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'submitter-files-'))
    ca = (await keptCertificate(folder)).cert
    writeFileSync(join(folder, 'key.txt'), KEY, { mode: 0o600 })
    writeFileSync(join(folder, 'submission.json'), JSON.stringify(SUBMISSION))
    writeFileSync(join(folder, 'photo.jpg'), PHOTO)
    writeFileSync(join(folder, 'notes.txt'), 'two\nlines\n')
    writeFileSync(join(folder, 'empty.txt'), '')
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const at = (name: string) => join(folder, name)
  const start = async (reply: Reply) => Receiver.start(reply, await keptCertificate(folder))
  const args = (endpoint: string, port: number, ...more: string[]) => [
    ...['send', '--endpoint', endpoint, '--allow-local', '--ca-file', at('certificate.pem')],
    ...['--key-file', at('key.txt'), '--file-port', String(port), '--certificate-folder', folder],
    ...[...more, at('submission.json')],
  ]

  describe('sent to an adapter', () => {
    const handled: { filename: string | null; mimetype: string | null; content: Buffer }[] = []
    const startAdapter = async (hosts: string) => {
      const environment = await developmentEnvironment(folder, {
        ...{ PORT: '0', JWE_SHARED_KEY: KEY, ATTACHMENT_HOSTS: hosts, LOG_LEVEL: 'silent', HOST: 'localhost' },
        DATA_DIR: mkdtempSync(join(folder, 'data-')),
      })
      const adapter = createAdapter({
        forms: {
          complaint: {
            path: '/v2/complaint',
            repeatable: true,
            async handle(_submission, { attachments }) {
              for (const { filename, mimetype, stream } of attachments)
                handled.push({ filename, mimetype, content: await buffer(stream()) })
            },
          },
        },
      })
      return await adapter.start({ environment, ownsProcess: false, attachmentAuthorities: [ca] })
    }

    it('are fetched before it answers, and arrive as they are, under the names that the platform gives', async () => {
      const port = await freePort()
      await using adapter = await startAdapter(`localhost:${port}`)
      const endpoint = `https://localhost:${adapter.port}/v2/complaint`

      const { code, out, err } = await run(args(endpoint, port, '--file', at('photo.jpg'), '--file', at('notes.txt')))
      await until(() => handled.length === 2)

      expect([code, out]).to.deep.equal([0, `accepted: the receiver has it (201), submission ${ID}\n`])
      expect(err.trim().split('\n').slice(3)).to.deep.equal([
        'serving 2 files from this machine; the adapter can fetch them if it was started with',
        `  ATTACHMENT_HOSTS=localhost:${port}`,
        `  NODE_EXTRA_CA_CERTS=${at('certificate.pem')}`,
        '(a host with a port may have a private address; without the entry the adapter refuses it)',
        'the receiver has fetched 2 files',
      ])
      expect(handled).to.deep.equal([
        { filename: 'photo.jpeg', mimetype: 'image/jpeg', content: PHOTO },
        { filename: 'notes.txt', mimetype: 'text/plain', content: Buffer.from('two\nlines\n') },
      ])
    })

    it('are refused by one that does not know their host, and the message says what to set', async () => {
      const port = await freePort()
      await using adapter = await startAdapter('localhost:1')
      const endpoint = `https://localhost:${adapter.port}/v2/complaint`

      const { code, err } = await runCommand(args(endpoint, port, '--file', at('photo.jpg')))

      expect(code).to.equal(6)
      expect(err.trim().split('\n').slice(-2)).to.deep.equal([
        `the adapter could not fetch the files; start it with ATTACHMENT_HOSTS=localhost:${port} NODE_EXTRA_CA_CERTS=${at('certificate.pem')}`,
        'ERR_RECEIVER_REFUSED: the receiver answered 503 (Service Unavailable: attachments[0]: the url has a host or port that ATTACHMENT_HOSTS does not allow)',
      ])
    })
  })

  describe('sent to a receiver that fetches them after its answer', () => {
    it('are served until then, and the command says so', async () => {
      const port = await freePort()
      let fetched = Buffer.alloc(0)
      await using receiver = await start(async (received, response) => {
        response.once('finish', async () => {
          const [link] = await linksIn(received.body)
          const decoder = createHexDecoder()
          decoder.end((await get(link?.url ?? '', ca)).text)
          const decipher = createAttachmentDecipher(link as never)
          decoder.pipe(decipher)
          fetched = await buffer(decipher)
        })
        await ACCEPTED(received, response, undefined as never)
      })

      const { code, err } = await runCommand(args(receiver.url(), port, '--file', at('photo.jpg')))
      await until(() => fetched.byteLength > 0)

      expect([code, fetched]).to.deep.equal([0, PHOTO])
      const [serving, fetchedAll] = err.trim().split('\n').slice(-2)
      expect(serving).to.match(
        /^accepted: the receiver has the submission; serving until it has fetched the files \(0 of 1 file fetched; the links live for another 1[45] min[ \ds]*\)$/,
      )
      expect(fetchedAll).to.equal('the receiver has fetched 1 file')
    })

    it('are served until Ctrl-C, which says what was not fetched', async () => {
      const port = await freePort()
      await using receiver = await start(ACCEPTED)

      const { code, err } = await run(
        args(receiver.url(), port, '--file', at('photo.jpg'), '--file', at('notes.txt')),
        (text, stop) => text.includes('serving until') && stop(),
      )

      expect(code).to.equal(130)
      expect(err.trim().split('\n').at(-1)).to.equal(
        'ERR_SENDING_STOPPED: stopped: the receiver has the submission; 2 of 2 files were not fetched',
      )
    })

    it('are not waited for when it already had the submission', async () => {
      const port = await freePort()
      await using receiver = await start(json(200, { status: 'duplicate' }))

      const { code, out, err } = await runCommand(args(receiver.url(), port, '--file', at('photo.jpg')))

      expect([code, out]).to.deep.equal([0, `duplicate: the receiver already had it (200), submission ${ID}\n`])
      expect(err).to.contain('the receiver already had the submission, and does not fetch its files again\n')
    })

    it('are missed when their links have expired: ERR_FILES_NOT_FETCHED', async () => {
      const options = { port: 0, certificateFolder: folder, linkSeconds: 0.05 }
      await using uploads = await Uploads.start([uploadOf('a.txt', Buffer.from('a'))], options)
      uploads.links()

      const error = await failure(() => uploads.allFetched(new AbortController().signal))

      expect([error.code, error.message]).to.deep.equal([
        'ERR_FILES_NOT_FETCHED',
        'the receiver has the submission; 1 of 1 files were not fetched while the links lived',
      ])
    })
  })

  it('have links that live for 15 minutes and answer GET only, and fresh ones for each delivery', async () => {
    let now = Date.now()
    const options = { port: 0, certificateFolder: folder, now: () => now }
    await using uploads = await Uploads.start([uploadOf('a.txt', Buffer.from('a'))], options)
    const [first] = uploads.links()
    now += 899_000
    const live = await get(first?.url ?? '', ca)
    const head = await get(first?.url ?? '', ca, 'HEAD')
    now += 1_000
    const expired = await get(first?.url ?? '', ca)
    const [second] = uploads.links()
    const fresh = await get(second?.url ?? '', ca)
    uploads.links()
    const withdrawn = await get(second?.url ?? '', ca)

    expect([live, head, expired, fresh, withdrawn].map(({ status }) => status)).to.deep.equal([200, 403, 403, 200, 403])
    expect(live.text).to.match(/^[0-9a-f]{32}$/)
    expect(second?.encryption_key).not.to.equal(first?.encryption_key)
  })

  for (const [path, filename, mimetype] of [
    ['photo.jpg', 'photo.jpeg', 'image/jpeg'],
    ['/tmp/My file.v2.JPG', 'My file.v2.jpeg', 'image/jpeg'],
    ['scan.PDF', 'scan.pdf', 'application/pdf'],
    ['a<b>"c".png', 'abc.png', 'image/png'],
    ['Übung.docx', 'Übung.docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
    ['data.xyz', 'data.xyz', 'application/octet-stream'],
    ['noext', 'noext', 'application/octet-stream'],
  ] as const)
    it(`named ${path} is handed on as ${filename}, ${mimetype}`, () => {
      expect(uploadOf(path, PHOTO)).to.include({ filename, mimetype })
    })

  for (const [what, more, said] of [
    ['missing', ['--file', 'nowhere.jpg'], 'error: the file nowhere.jpg cannot be opened (ENOENT)'],
    ['empty', ['--file', 'empty.txt'], 'is empty, and Form Builder sends no empty file'],
    ['a folder', ['--file', '.'], 'error: the file . cannot be opened (EISDIR)'],
  ] as const)
    it(`that is ${what} is refused before anything is sent`, async () => {
      await using receiver = await start(ACCEPTED)

      const { code, err } = await run(args(receiver.url(), await freePort(), ...more), undefined, folder)

      expect([code, receiver.received]).to.deep.equal([2, []])
      expect(err).to.contain(said)
    })

  it('are refused for an endpoint that is not on this machine', async () => {
    const { code, err } = await runCommand([
      ...['send', '--endpoint', 'https://adapter.service.gov.uk/v2/complaint', '--key-file', at('key.txt')],
      ...['--file', at('photo.jpg'), at('submission.json')],
    ])

    expect([code, err]).to.deep.equal([
      2,
      'error: --file needs --allow-local: the adapter fetches the files from this machine\n',
    ])
  })

  it('are not served at a port that is taken, and the message says how to choose another', async () => {
    await using receiver = await start(ACCEPTED)
    await using taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }

    const { code, err } = await runCommand(args(receiver.url(), port, '--file', at('photo.jpg')))

    expect([code, receiver.received]).to.deep.equal([2, []])
    expect(err.trim().split('\n').at(-1)).to.equal(
      `error: port ${port} cannot be used (EADDRINUSE); choose another for the files with --file-port`,
    )
  })

  it('are served with a certificate that is made once, and only its owner can read its key', async () => {
    const own = join(folder, 'own', 'certificates')
    await using receiver = await start(json(200, { status: 'duplicate' }))
    const send = async () =>
      await runCommand(args(receiver.url(), await freePort(), '--file', at('photo.jpg'), '--certificate-folder', own))

    const first = await send()
    const certificate = readFileSync(join(own, 'certificate.pem'), 'utf8')
    await send()

    expect(first.code).to.equal(0)
    expect(readFileSync(join(own, 'certificate.pem'), 'utf8')).to.equal(certificate)
    expect(statSync(join(own, 'certificate-key.pem')).mode & 0o777).to.equal(0o600)
    expect(statSync(own).mode & 0o777).to.equal(0o700)
  })

  it('never replace a certificate that was not made for this', async () => {
    const other = join(folder, 'other')
    await keptCertificate(other)
    const { cert } = await makeCertificate()
    writeFileSync(join(other, 'certificate.pem'), cert)
    await using receiver = await start(ACCEPTED)

    const { code, err } = await runCommand(
      args(receiver.url(), await freePort(), '--file', at('photo.jpg'), '--certificate-folder', other),
    )

    expect([code, receiver.received]).to.deep.equal([2, []])
    expect(err).to.contain('is no development certificate, and is not replaced')
    expect(readFileSync(join(other, 'certificate.pem'), 'utf8')).to.equal(cert)
  })

  it('have a new certificate when the key of the old one is that of another, as after a crash', async () => {
    const torn = join(folder, 'torn')
    await keptCertificate(torn)
    writeFileSync(join(torn, 'certificate-key.pem'), (await keptCertificate(folder)).key)

    const kept = await keptCertificate(torn)

    expect(existsSync(kept.certFile)).to.equal(true)
    await using uploads = await Uploads.start([uploadOf('a.txt', Buffer.from('a'))], {
      port: 0,
      certificateFolder: torn,
    })
    const [link] = uploads.links()
    expect((await get(link?.url ?? '', kept.cert)).status).to.equal(200)
  })
})

interface Link {
  readonly url: string
}

async function linksIn(jwe: string): Promise<readonly Link[]> {
  const { plaintext } = await decryptCompact(jwe, parseKeyring(KEY))
  return JSON.parse(Buffer.from(plaintext).toString()).attachments
}

async function get(url: string, ca: string, method = 'GET'): Promise<{ status: number | undefined; text: string }> {
  const sending = request(url, { ca, method, agent: false }).end()
  const [response] = await once(sending, 'response')
  return { status: response.statusCode, text: (await buffer(response)).toString() }
}

/** Runs the command in a process of its own. */
async function run(
  args: readonly string[],
  /** Called with all that was printed on standard error, until it returns true. */
  react: (text: string, stop: () => boolean) => boolean = () => false,
  cwd = process.cwd(),
): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [BIN, ...args], { stdio: 'pipe', cwd })
  let [out, err] = ['', '']
  let isDone = false
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
    if (!isDone) isDone = react(err, () => child.kill('SIGINT'))
  })
  const [code] = await once(child, 'close')
  return { code, out, err }
}
