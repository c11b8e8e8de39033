/** One complaint with two files, from the sender to a case in Optics: `npm run demo`, `npm run demo -- --keep`. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { generateKey } from '@formbuilder/adapter-sdk/protocol'
import { makeDevelopmentCertificate, TestFileStore } from '@formbuilder/adapter-sdk/testing'
import { type OpticsStandIn, startOpticsStandIn } from '@formbuilder/optics-adapter/stand-in'
import { submit } from '@formbuilder/submitter'

const ROOT = resolve(import.meta.dirname, '../..')
const keep = process.argv.includes('--keep')
const folder = mkdtempSync(join(tmpdir(), 'adapter-demo-'))
const started = performance.now()

const COMPLAINT = {
  serviceSlug: 'hmcts-complaint-form-eng',
  submissionAnswers: {
    yourname_text_1: 'Alex',
    yourname_text_2: 'Example',
    youremailaddress_email_1: 'alex@example.com',
    youraddress_address_1: {
      address_line_one: '1 High Street',
      city: 'Cardiff',
      postcode: 'CF10 1AA',
      country: 'United Kingdom',
    },
    courtortribunalyourcomplaintisabout_autocomplete_1: '1002',
    casenumber_text_1: 'A12 345',
    yourcomplaint_textarea_1: 'Nobody told me that the hearing had moved.',
    howhasthisaffectedyou_textarea_1: 'I travelled for nothing.',
    whatcanwedotoputthisright_textarea_1: 'Please write next time.',
  },
}

/** What has to be closed, last opened first. */
const open: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
process.once('SIGINT', () => void close().then(() => process.exit(0)))

try {
  await demo()
} catch (error) {
  console.error(`\nThe demo did not succeed: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}
if (!keep || process.exitCode === 1) await close()

async function demo(): Promise<void> {
  step('Preparing')
  const certificate = await makeDevelopmentCertificate()
  const sharedKey = generateKey(16)
  const [certFile, keyFile, sharedKeyFile] = ['certificate.pem', 'private-key.pem', 'shared-key'].map((name) =>
    join(folder, name),
  ) as [string, string, string]
  writeFileSync(certFile, certificate.cert)
  for (const [file, text] of [
    [keyFile, certificate.key],
    [sharedKeyFile, sharedKey],
  ] as const) {
    writeFileSync(file, text, { mode: 0o600 })
  }
  say('a certificate for localhost and a shared key of 16 characters, in a temporary folder')

  const credentials = { apiKey: 'demo-api-key', secretKey: randomBytes(16).toString('hex') }
  const optics = await startOpticsStandIn({ ...credentials, tls: certificate, ca: certificate.cert, host: '127.0.0.1' })
  open.push(() => optics.stop())
  say(`Optics, a stand-in that speaks its API: ${localhost(optics.url)}`)

  const files = await TestFileStore.start(certificate)
  open.push(() => files.stop())
  say(`the platform's file store: https://${files.origin}`)

  const port = await freePort()
  const adapter = startAdapter({
    PORT: String(port),
    HOST: `localhost:${port}`,
    LISTEN_HOST: '127.0.0.1',
    TLS_CERT_FILE: certFile,
    TLS_KEY_FILE: keyFile,
    JWE_SHARED_KEY: sharedKey,
    DATA_DIR: join(folder, 'data'),
    ATTACHMENT_HOSTS: files.origin,
    OPTICS_ENDPOINT: localhost(optics.url),
    OPTICS_API_KEY: credentials.apiKey,
    OPTICS_SECRET_KEY: credentials.secretKey,
    COMMENT_TYPE: '1801265',
    NODE_EXTRA_CA_CERTS: certFile,
  })
  await adapter.seen('adapter.started')
  say(`optics-adapter, with its store in SQLite: https://localhost:${port}`)

  step('Sending one complaint with two files, as Form Builder does')
  const uploads = [
    {
      filename: 'letter from the court.txt',
      mimetype: 'text/plain',
      content: Buffer.from('The hearing is on 30 December.\n'),
    },
    { filename: 'scan.png', mimetype: 'image/png', content: randomBytes(300_000) },
  ]
  const submission = {
    ...COMPLAINT,
    submissionId: randomUUID(),
    attachments: uploads.map((upload) => files.link(upload)),
  }
  const endpoint = `https://localhost:${port}/v2/complaint`
  const receipt = await submit({ endpoint, key: sharedKey, submission, allowLocal: true, ca: certificate.cert })
  say(`the adapter answered ${receipt.status}: ${receipt.outcome} (submission ${receipt.submissionId})`)
  say(`it had captured ${files.served} files before it answered, still encrypted`)

  step('What happens behind the answer')
  await adapter.seen('submission.delivered')
  const [token] = optics.requests.filter(({ route }) => route === 'token')
  if (token === undefined) throw new Error('no token was fetched')
  say('a token was fetched from Optics, by a signed assertion')
  const [made, ...more] = optics.cases()
  if (made === undefined || more.length > 0) throw new Error(`Optics has ${optics.cases().length} cases, not one`)
  say(`case ${made.caseId} was created, with these fields:`)
  for (const [name, value] of Object.entries(made.fields)) detail(`${name}: ${value}`)

  for (const [index, document] of made.documents.entries()) {
    const original = uploads[index]?.content
    const same =
      original !== undefined && document.fetched?.sha256 === createHash('sha256').update(original).digest('hex')
    if (!same) throw new Error(`document ${index + 1} is not what was uploaded`)
    say(
      `Optics fetched "${document.name}" from the adapter: ${document.fetched?.byteLength} bytes, equal to the original`,
    )
  }
  if (made.documents.length !== uploads.length) throw new Error('Optics did not fetch every document')

  step('The sender repeats itself')
  const again = { ...submission, attachments: uploads.map((upload) => files.link(upload)) }
  const second = await submit({ endpoint, key: sharedKey, submission: again, allowLocal: true, ca: certificate.cert })
  say(`the adapter answered ${second.status}: ${second.outcome}; Optics still has ${optics.cases().length} case`)

  console.log(`\nDone in ${((performance.now() - started) / 1000).toFixed(1)} seconds.`)
  if (keep) keepRunning(optics, { endpoint, certFile, sharedKeyFile })
  else console.log('Everything is stopped and removed. `npm run demo -- --keep` leaves it running.')
}

function keepRunning(optics: OpticsStandIn, { endpoint, certFile, sharedKeyFile }: { [name: string]: string }): void {
  const file = join(folder, 'submission.json')
  writeFileSync(file, `${JSON.stringify({ ...COMPLAINT, submissionId: randomUUID(), attachments: [] }, null, 2)}\n`)
  console.log(`
It is still running. Send another complaint from a second terminal (change the submissionId in the file to make a new one):

  npx @formbuilder/submitter send --allow-local --ca-file ${certFile} --endpoint ${endpoint} --key-file ${sharedKeyFile} ${file}

Prove that the endpoint holds the key, without sending anything:

  npx @formbuilder/submitter verify --allow-local --ca-file ${certFile} --endpoint ${endpoint} --key-file ${sharedKeyFile}

Cases in Optics: curl --cacert ${certFile} ${localhost(optics.url)}/__stand-in/cases
Make Optics fail: curl --cacert ${certFile} -X POST -H 'Content-Type: application/json' -d '{"kind":"hang"}' ${localhost(optics.url)}/__stand-in/fail
Stop with Ctrl+C.`)
}

/** The adapter as it is deployed: its own process, configured by environment. Its log says when something has happened. */
function startAdapter(environment: { [name: string]: string }): { seen(event: string): Promise<void> } {
  const command = join(ROOT, 'node_modules/.bin/optics-adapter')
  const child: ChildProcess = spawn(command, {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  open.push(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  })
  const events = new Set<string>()
  const waiting = new Set<() => void>()
  if (child.stdout !== null) {
    createInterface(child.stdout).on('line', (line) => {
      events.add(String(JSON.parse(line).event))
      for (const look of waiting) look()
    })
  }
  return {
    seen: (event) =>
      new Promise((done, failed) => {
        const look = () => {
          if (events.has(event)) done()
        }
        waiting.add(look)
        child.once('exit', () => failed(new Error(`optics-adapter ended before ${event}`)))
        look()
      }),
  }
}

async function close(): Promise<void> {
  for (const each of open.reverse()) await each()
  open.length = 0
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

function step(text: string): void {
  console.log(`\n${text}`)
}

function say(text: string): void {
  console.log(`  - ${text}`)
}

function detail(text: string): void {
  console.log(`      ${text}`)
}

function localhost(url: string): string {
  return url.replace('127.0.0.1', 'localhost')
}
