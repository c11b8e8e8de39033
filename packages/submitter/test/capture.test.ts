import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keptCertificate } from '@formbuilder/adapter-sdk/file-server'
import { expect } from 'chai'
import { freePort } from '../../adapter-sdk/test/free-port.ts'
import { type Exchange, submit, verifyEndpoint } from '../src/index.ts'
import { outcome } from './outcome.ts'
import { json, Receiver, type Reply } from './receiver.ts'
import { runCommand } from './run-command.ts'

const KEY = 'Xk2fQ9wLs7TgBzR4'
const ID = '72c49803-e9c3-42ac-bde1-09c04595a2d3'
const SUBMISSION = {
  serviceSlug: 'complaint-form',
  submissionId: ID,
  submissionAnswers: { yourname_text_1: 'Ann Example' },
  attachments: [],
}
const BIN = join(import.meta.dirname, '../bin/submitter.cjs')

describe('a capture of requests', () => {
  let folder: string
  let ca: string
  let count = 0
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'submitter-capture-'))
    ca = (await keptCertificate(folder)).cert
    writeFileSync(join(folder, 'key.txt'), KEY, { mode: 0o600 })
    writeFileSync(join(folder, 'submission.json'), JSON.stringify(SUBMISSION))
    writeFileSync(join(folder, 'photo.jpg'), 'a photo of Ann')
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const start = async (reply: Reply) => Receiver.start(reply, await keptCertificate(folder))
  const newFile = () => join(folder, `request-${++count}.txt`)
  const args = (endpoint: string, capture: string, ...more: string[]) => [
    ...['send', '--endpoint', endpoint, '--allow-local', '--ca-file', join(folder, 'certificate.pem')],
    ...['--key-file', join(folder, 'key.txt'), '--capture', capture, ...more, join(folder, 'submission.json')],
  ]

  it('has the header of the JWE, sizes, headers, status, the code of the problem and times', async () => {
    const problem = { title: 'Unprocessable', code: 'ERR_SUBMISSION_INVALID', detail: 'Ann Example is no slug' }
    await using receiver = await start(
      json(422, problem, { Server: 'nginx', 'X-Request-Of': 'Ann', 'Set-Cookie': 'a=b' }),
    )
    const capture = newFile()

    const { code } = await run(args(`${receiver.url()}?token=secret`, capture))

    const text = readFileSync(capture, 'utf8').split('\n')
    const length = receiver.received[0]?.body.length
    const parts = receiver.received[0]?.body.split('.').map((part) => part.length)
    const bytes = JSON.stringify(problem).length
    expect(code).to.equal(6)
    expect(text[0]).to.match(/^npx @formbuilder\/submitter on Node v\d+\.\d+\.\d+, \w+ \w+$/)
    expect(text[1]).to.equal('Key, token, answers, files, links and unknown headers are left out.')
    expect(text[3]).to.match(/^attempt 1, \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(text.slice(4, 11)).to.have.members([
      `> POST https://localhost:${receiver.port}/v2/complaint (TLS: TLSv1.3)`,
      '> Accept: */*',
      '> Content-Type: application/x-www-form-urlencoded',
      '> User-Agent: formbuilder-submitter',
      `> Content-Length: ${length}`,
      `> Host: localhost:${receiver.port}`,
      `> body: compact JWE of ${length} characters, parts ${parts?.join('.')}, header {"alg":"dir","enc":"A128GCM"}`,
    ])
    expect(
      text.slice(11).filter((line) => !/^< (date|connection|transfer-encoding|content-length):/.test(line)),
    ).to.satisfy((rest: string[]) => {
      expect(rest.slice(0, -2)).to.deep.equal([
        '< 422',
        '< content-type: application/problem+json',
        '< server: nginx',
        '< x-request-of: (left out)',
        '< set-cookie: (left out)',
        `< body: ${bytes} bytes, problem code: ERR_SUBMISSION_INVALID`,
      ])
      expect(rest.at(-2)).to.match(
        /^connected after [\d.]+ ms, secured after [\d.]+ ms, answered after [\d.]+ ms, ended after [\d.]+ ms$/,
      )
      return true
    })
  })

  it('can be read by its owner only', async () => {
    await using receiver = await start(json(201, { status: 'accepted' }))
    const capture = newFile()

    await runCommand(args(receiver.url(), capture))

    expect(statSync(capture).mode & 0o777).to.equal(0o600)
  })

  for (const [what, reply] of [
    ['accepts it', json(201, { status: 'accepted', submissionId: ID })],
    ['quotes it', (received, response) => response.writeHead(400, { 'X-Body': 'Ann Example' }).end(received.body)],
    ['quotes it as a code', json(400, { code: 'ERR_ANN EXAMPLE', title: 'Ann Example', detail: KEY })],
    ['does not answer', (_received, _response, request) => request.socket.destroy()],
  ] as [string, Reply][])
    it(`has no answer, key, token, file or link of the submission when the receiver ${what}`, async () => {
      await using receiver = await start(reply)
      const capture = newFile()
      const file = ['--file', join(folder, 'photo.jpg'), '--file-port', String(await freePort())]

      const more = [...file, '--certificate-folder', folder, '--repeat', '--speed', '1000000']
      const given = args(`${receiver.url()}?name=Ann`, capture, ...more)
      const { code } = await (what === 'accepts it'
        ? run(given, (text, stop) => text.includes('serving until') && stop())
        : runCommand(given))

      const text = readFileSync(capture, 'utf8')
      expect(code).to.be.oneOf([6, 7, 130])
      const [, , iv = '', ciphertext = '', tag = ''] = receiver.received[0]?.body.split('.') ?? []
      for (const secret of [KEY, 'Ann', 'X-Amz', 'photo', iv, ciphertext.slice(0, 40), tag])
        expect(text).not.to.contain(secret)
      expect(text.match(/^attempt \d+,/gm)).to.have.length(receiver.received.length)
    })

  it('has the reason where there was no answer, and the steps that were reached', async () => {
    await using receiver = await start(() => undefined)
    const capture = newFile()

    await runCommand(args(receiver.url(), capture, '--timeout-seconds', '1'))

    const text = readFileSync(capture, 'utf8').trim().split('\n')
    expect(text.slice(-2)[0]).to.equal('! no answer within 1 s')
    expect(text.at(-1)).to.match(/^connected after [\d.]+ ms, secured after [\d.]+ ms, ended after [\d.]+ ms$/)
    expect(text.some((line) => line.startsWith('< '))).to.equal(false)
  })

  it('has no TLS where none came about', async () => {
    const port = await freePort()
    const capture = newFile()

    const { code } = await runCommand(args(`https://localhost:${port}/v2/complaint`, capture))

    const text = readFileSync(capture, 'utf8')
    expect(code).to.equal(7)
    expect(text).to.contain('(TLS: none)\n').and.contain('! no answer from the receiver (ECONNREFUSED)\nended after ')
  })

  it('is what it was until then when the command is killed', async () => {
    let calls = 0
    await using receiver = await start((...all) => (++calls === 1 ? json(503, {})(...all) : undefined))
    const capture = newFile()

    const { code } = await run(
      args(receiver.url(), capture, '--repeat', '--speed', '1000000'),
      (_text, _stop, child) => calls === 2 && child.kill('SIGKILL'),
    )

    expect(code).to.equal(null)
    expect(readFileSync(capture, 'utf8').match(/^attempt \d+,/gm)).to.deep.equal(['attempt 1,'])
  })

  it('never overwrites a file, and then nothing is sent', async () => {
    await using receiver = await start(json(201, { status: 'accepted' }))
    const capture = newFile()
    writeFileSync(capture, 'kept')

    const { code, err } = await runCommand(args(receiver.url(), capture))

    expect([code, receiver.received, readFileSync(capture, 'utf8')]).to.deep.equal([2, [], 'kept'])
    expect(err).to.contain(`error: the file ${capture} already exists and is not overwritten`)
  })

  it('that cannot be written to the end does not end the sending', async () => {
    await using receiver = await start(json(201, { status: 'accepted' }))
    const capture = newFile()
    const command = [process.execPath, BIN, ...args(receiver.url(), capture)].map((arg) => `'${arg}'`).join(' ')

    // The system refuses to let a file grow, as a full disk does.
    const { code } = await run(['-c', `trap '' XFSZ; ulimit -f 0; ${command}`], undefined, ['sh'])

    expect([code, statSync(capture).size, receiver.received.length]).to.deep.equal([0, 0, 1])
  })

  it('is told to a program too, also when an endpoint is verified', async () => {
    await using receiver = await start(json(401, {}))
    const exchanges: Exchange[] = []
    const options = { endpoint: receiver.url(), key: KEY, allowLocal: true, ca }
    const onExchange = (exchange: Exchange) => exchanges.push(exchange)

    await outcome(() => submit({ ...options, submission: SUBMISSION, onExchange }))
    await outcome(() => verifyEndpoint({ ...options, onExchange }))

    expect(exchanges.map(({ answer, url }) => [answer?.status, url])).to.deep.equal(
      Array(2).fill([401, receiver.url()]),
    )
    expect(existsSync(join(folder, 'request-0.txt'))).to.equal(false)
  })
})

/** Runs the command in a process of its own. */
async function run(
  args: readonly string[],
  /** Called with all that was printed on standard error, until it returns true. */
  react: (text: string, stop: () => boolean, child: ReturnType<typeof spawn>) => boolean = () => false,
  command: readonly string[] = [process.execPath, BIN],
): Promise<{ code: number | null; err: string }> {
  const [program = '', ...first] = command
  const child = spawn(program, [...first, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  let err = ''
  let isDone = false
  child.stderr.on('data', (chunk) => {
    err += chunk
    if (!isDone) isDone = react(err, () => child.kill('SIGINT'), child)
  })
  const [code] = await once(child, 'close')
  return { code, err }
}
