/** Runs processes through every kind of outcome and three kinds of crash, and looks for the citizen's words in all they leave. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { encryptCompact, generateKey, type Key, parseKeyring } from '../../packages/adapter-sdk/src/protocol/index.ts'
import { makeDevelopmentCertificate, TestFileStore } from '../../packages/adapter-sdk/src/testing/index.ts'
import { ask, compose, type TestSubmission } from '../../packages/adapter-sdk/src/testing/sender.ts'
import { until } from '../../packages/adapter-sdk/test/until.ts'

/** Is in everything that the citizen writes and in every link, and nowhere else. */
const SAID = 'Markword Ada Lovelace'
const SECRET = /markword|lovelace/i
const KEY = generateKey(16)
const PASSWORD = generateKey(32)

const DEEDS = [
  'deliver',
  'foreign',
  'coded',
  'aggregate',
  'string',
  'object',
  'permanent',
  'uncertain',
  'http',
  'timeout',
  'logged',
  'warned',
]

const PAGES = [
  '/',
  '/submissions',
  '/dead-letters',
  '/actions',
  '/decide?action=redrive&form=complaint&code=ERR_HANDLER_PERMANENT',
]

interface Result {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
}

describe('the words of a citizen', function () {
  this.timeout(180_000)
  const folder = mkdtempSync(join(tmpdir(), 'privacy-'))
  const [certFile, keyFile, reports] = [join(folder, 'cert.pem'), join(folder, 'key.pem'), join(folder, 'reports')]
  const dataFolder = join(folder, 'data')
  const key = parseKeyring(KEY).keys[0] as Key
  const bodies: string[] = []
  const processes: Result[] = []
  const secrets: string[] = [KEY, PASSWORD]
  const tokens: string[] = []
  let metrics = ''
  let pages = ''

  before(async () => {
    mkdirSync(reports)
    const certificate = await makeDevelopmentCertificate()
    writeFileSync(certFile, certificate.cert)
    writeFileSync(keyFile, certificate.key)
    const fileStore = await TestFileStore.start(certificate)
    // Its answers quote the request, as those of some case systems do.
    const casework = createServer(async (request, response) => {
      response.writeHead(400, `no ${SAID}`, { 'X-Said': SAID }).end(`${SAID} ${await text(request)}`)
    })
    await once(casework.listen(0, '127.0.0.1'), 'listening')
    const environment = {
      PATH: process.env['PATH'],
      PORT: '0',
      LISTEN_HOST: '127.0.0.1',
      HOST: 'adapter.example',
      TLS_CERT_FILE: certFile,
      TLS_KEY_FILE: keyFile,
      JWE_SHARED_KEY: KEY,
      DATA_DIR: dataFolder,
      ATTACHMENT_HOSTS: fileStore.origin,
      LOG_LEVEL: 'debug',
      RETRY_LIMIT: '1',
      RETRY_DELAY_SECONDS: '1',
      RETRY_DELAY_MAX_SECONDS: '1',
      METRICS_AUTH_USERNAME: 'prometheus',
      METRICS_AUTH_PASSWORD: PASSWORD,
      ADMIN_PORT: '0',
      ADMIN_AUTH_USERNAME: 'operator',
      ADMIN_AUTH_PASSWORD: PASSWORD,
      CASEWORK_URL: `http://127.0.0.1:${(casework.address() as AddressInfo).port}`,
      NODE_OPTIONS: `--report-on-fatalerror --report-uncaught-exception --report-directory=${reports}`,
    }

    const first = run({ ...environment, CRASH: 'reject' })
    try {
      const { port, adminPort } = await first.ready
      const target = { port, ca: certificate.cert }
      const post = async (body: string, headers = {}, path = '/v2/complaint') => {
        const answer = await ask(target, 'POST', path, { body, headers: { 'Content-Type': 'text/plain', ...headers } })
        bodies.push(JSON.stringify(answer.headers), answer.text)
        return answer.status
      }
      const composed = async (submission: TestSubmission) => {
        const { jwe } = await compose(submission, key, fileStore)
        tokens.push(jwe)
        return jwe
      }
      const answers = (deed: string) => ({ deed, name: SAID })
      const upload = { filename: `${SAID}.pdf`, mimetype: 'application/pdf', content: Buffer.from(SAID) }

      for (const deed of DEEDS)
        await post(await composed({ submissionAnswers: answers(deed), uploads: deed === 'deliver' ? [upload] : [] }))
      const repeated = await composed({ submissionAnswers: answers('deliver') })
      for (let n = 0; n < 2; n++) await post(repeated)
      // Requests that do not fit the schema, the envelope, or any form.
      await post(await composed({ submissionAnswers: { ...answers('deliver'), mood: SAID } }))
      await post(await encryptCompact(JSON.stringify({ serviceSlug: SAID, submissionId: SAID }), key))
      await post(await encryptCompact(`{"${SAID}":`, key))
      await post(SAID)
      await post(`${repeated}.${SAID}`)
      await post(repeated, { 'Content-Type': `text/${SAID.replaceAll(' ', '')}` })
      await post(repeated, { 'Content-Encoding': SAID })
      await post('', {}, `/v2/${encodeURIComponent(SAID)}?${encodeURIComponent(SAID)}`)
      await post('', { Authorization: `Basic ${SAID}`, Cookie: SAID, 'X-Forwarded-For': SAID }, '/own?name=Lovelace')
      await ask(target, 'GET', '/own?name=Lovelace').then((answer) => bodies.push(answer.text))
      // The store fails with errors like PostgreSQL's, and files cannot be captured.
      await post(await composed({ submissionId: 'store-fails-1', submissionAnswers: answers('deliver') }))
      for (const url of [
        `https://${fileStore.origin}/Markword?Lovelace`,
        'https://Markword.example/Lovelace',
        `:${SAID}`,
      ]) {
        const link = { ...fileStore.link(upload), url }
        secrets.push(link.encryption_key, link.encryption_iv)
        for (let delivery = 0, id = crypto.randomUUID(); delivery < 3; delivery++)
          await post(await composed({ submissionId: id, submissionAnswers: answers('deliver'), attachments: [link] }))
      }
      const ended = ({ stdout }: { stdout: string }) =>
        stdout.match(/"event":"submission\.(delivered|dead)"/g)?.length ?? 0
      // Each deed, the repeated submission, and the one that does not fit the schema.
      await until(() => ended(first) >= DEEDS.length + 2)

      const scraped = await ask(target, 'GET', '/metrics', { headers: { Authorization: basic('prometheus') } })
      metrics = scraped.text
      const all = [...PAGES]
      for (const page of all) {
        const headers = { Authorization: basic('operator') }
        const shown = await ask({ ...target, port: adminPort }, 'GET', page, { headers })
        expect(shown.status, page).to.equal(200)
        pages += shown.text
        if (page === '/submissions') all.push(...(shown.text.match(/\/submission\?id=[\w-]+/g) ?? []))
      }
      expect(all).to.have.length.above(PAGES.length + DEEDS.length)
      await post(await composed({ submissionAnswers: answers('crash') }))
      processes.push(await first.result)
      // The next process repeats the lost attempt, and crashes too.
      processes.push(await run({ ...environment, CRASH: 'throw' }).result)
      processes.push(
        await run({ ...environment, CRASH: 'memory', RETRY_LIMIT: '2' }, ['--max-old-space-size=150']).result,
      )
    } finally {
      first.kill()
      await fileStore.stop()
      casework.closeAllConnections()
      casework.close()
    }
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const silent = (what: string) => {
    expect(what).not.to.match(SECRET)
    for (const secret of [...secrets, ...tokens]) expect(what).not.to.include(secret)
  }
  const lines = ({ stdout }: Result) =>
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)

  it('are not in the log, however an attempt or a request ended', () => {
    const [first] = processes as [Result]
    const events = new Set(lines(first).map(({ event }) => event))

    silent(first.stdout)
    expect([...events]).to.include.members([
      'submission.accepted',
      'submission.duplicate',
      'submission.refused',
      'submission.unmatched',
      'submission.delivered',
      'submission.dead',
      'attempt.failed',
      'attachment.captured',
      'attachment.failed',
      'store.failed',
      'target.called',
      'process.warned',
      'internal.failed',
    ])
    expect(lines(first).filter(({ msg }) => msg === 'the case system says no')).to.have.length(2)
    expect(first.stdout).not.to.match(/ at .*:\d+:\d+/)
  })

  it('are not in what Node and libraries print by themselves', () => {
    for (const { stderr } of processes.slice(0, 2)) expect(stderr).to.equal('')
  })

  for (const [index, what] of ['a promise that is not awaited', 'a timer'].entries()) {
    it(`are not in the output of a process that crashes because of an error in ${what}`, () => {
      const result = processes[index] as Result

      silent(result.stdout)
      expect([result.exitCode, result.signal]).to.deep.equal([1, null])
      // It need not be the last line: a line that did not fit into the pipe at once can follow it.
      const failed = lines(result).filter(({ event }) => event === 'internal.failed')
      expect(failed.at(-1)).to.include({ during: 'process', code: 'Error' })
    })
  }

  it('are not in the output of a process that runs out of memory, and no report with its keys is written', () => {
    const result = processes[2] as Result

    silent(result.stdout + result.stderr)
    expect(result.stderr).to.match(/heap out of memory/)
    expect([result.exitCode, result.signal]).to.deep.equal([null, 'SIGABRT'])
    // A report would contain the environment.
    expect(readdirSync(reports)).to.deep.equal([])
  })

  it('are not in any answer', () => {
    silent(bodies.join('\n'))
    expect(bodies.join('\n')).not.to.match(/ at .*:\d+|node_modules|\.ts\b/)
  })

  it('are not in any metric', () => {
    silent(metrics)
    expect(metrics).to.match(/^formbuilder_dead_letters\{code="ERR_RETRIES_EXHAUSTED"\} [1-9]/m)
  })

  it("are not on the operator's page", () => {
    silent(pages)
    expect(pages).to.include('ERR_HANDLER_PERMANENT')
  })

  it('are not on the disk', () => {
    const files = readdirSync(dataFolder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    const contents = files.map(({ parentPath, name }) => `${name}\n${readFileSync(join(parentPath, name), 'latin1')}`)

    // The search finds a code and a token, which are on the disk: so what it does not find is not there.
    expect(contents.some((content) => content.includes('ERR_HANDLER_PERMANENT'))).to.equal(true)
    expect(contents.some((content) => content.includes(tokens[0]?.slice(0, 100) ?? ''))).to.equal(true)
    for (const content of contents) {
      expect(content).not.to.match(SECRET)
      for (const secret of secrets) expect(content.includes(secret)).to.equal(false)
    }
  })
})

const basic = (user: string) => `Basic ${Buffer.from(`${user}:${PASSWORD}`).toString('base64')}`

/** Starts the program. If it exits before it listens, `ready` rejects with what it printed. */
function run(environment: NodeJS.ProcessEnv, flags: readonly string[] = []) {
  const program = new URL('../../packages/adapter-sdk/test/privacy-program.ts', import.meta.url).pathname
  const child: ChildProcess = spawn(process.execPath, [...flags, program], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const output = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream]?.setEncoding('utf8').on('data', (data) => (output[stream] += data))
  const result = once(child, 'close').then(([exitCode, signal]): Result => ({ ...output, exitCode, signal }))
  const ready = Promise.race([
    once(child, 'message').then(([ports]) => ports as { port: number; adminPort: number }),
    result.then(({ stderr, stdout }) => {
      throw new Error(`the adapter exited: ${stdout}${stderr}`)
    }),
  ])
  ready.catch(() => undefined) // some runs never await it
  return {
    result,
    ready,
    kill: () => child.kill('SIGKILL'),
    get stdout() {
      return output.stdout
    },
  }
}
