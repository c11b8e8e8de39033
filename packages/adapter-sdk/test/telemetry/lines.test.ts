/** Every line that an adapter writes: its kind is a documented event, its time ISO 8601, and no field stands twice. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { makeDevelopmentCertificate } from '../../src/testing/index.ts'
import { expectLine } from './line.ts'

/** A program that starts an adapter, makes happen what can in a few seconds, and stops. */
const PROGRAM = `
import { once } from 'node:events'
import { request } from 'node:https'
import { connect } from 'node:net'
import { readFileSync } from 'node:fs'
import { createAdapter } from '${new URL('../../src/index.ts', import.meta.url)}'
import { PermanentError } from '${new URL('../../src/errors.ts', import.meta.url)}'
import { encryptCompact } from '${new URL('../../src/protocol/jwe.ts', import.meta.url)}'
import { parseKeyring } from '${new URL('../../src/protocol/keyring.ts', import.meta.url)}'

const KEY = process.env.JWE_SHARED_KEY
const ca = readFileSync(process.env.TLS_CERT_FILE)
const running = await createAdapter({
  forms: {
    complaint: {
      path: '/v2/complaint',
      async handle({ submissionAnswers: { fails } }, { log }) {
        log.info('by hand')
        log.warn({ form: 'another', event: 'complaint.seen', time: 'now', level: 'x', msg: 'y' }, 'by hand')
        log.child({ form: 'a third', submissionId: 'z' }).error(new TypeError('Jane Citizen'))
        if (fails === 'dead') throw new PermanentError('refused')
        if (fails === 'retry') throw new Error('Jane Citizen')
        return { reference: 'CASE-1' }
      },
    },
  },
}).start({ ownsProcess: false })

const ask = (port, method, path, headers = {}, body = '') =>
  new Promise((resolve, reject) => {
    const sending = request({ host: '127.0.0.1', servername: 'localhost', port, ca, method, path, headers, agent: false }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode))
    })
    sending.on('error', reject).end(body)
  })
const send = async (fails, attachments = []) => {
  const submissionId = crypto.randomUUID()
  const payload = { serviceSlug: 'test-form', submissionId, submissionAnswers: { fails }, attachments }
  const jwe = await encryptCompact(JSON.stringify(payload), parseKeyring(KEY).keys[0])
  await ask(running.port, 'POST', '/v2/complaint', {}, jwe)
  await ask(running.port, 'POST', '/v2/complaint', {}, jwe)
  if (attachments.length > 0) return
  for (;;) {
    const { state, attempts } = await running.ledger.show(submissionId)
    if (attempts > 0 && state !== 'running') return submissionId
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
await send('')
const dead = await send('dead')
await send('retry')
await send('', [{ url: 'https://elsewhere.example/x', encryption_key: 'x', encryption_iv: 'y', filename: 'a', mimetype: 'b' }])
await ask(running.port, 'POST', '/v2/complaint', {}, 'no JWE')
await ask(running.port, 'POST', '/v2/complaints', {}, 'x')
await ask(running.port, 'TRACE', '/').catch(() => undefined)
await ask(running.port, 'GET', '/v1/attachments/' + crypto.randomUUID())
await ask(running.adminPort, 'GET', '/', { Authorization: 'Basic eDp5' })
connect(running.port, '127.0.0.1').end('GET / HTTP/1.1\\r\\n\\r\\n')
await running.ledger.redrive({ id: dead }, 'ada', 'x')
await running.ledger.retryNow({}, 'ada', 'x')
await running.sweep()
process.emitWarning('Jane Citizen')
await running.stop()
`

describe('the lines of an adapter', () => {
  it('each have a documented event, a time in ISO 8601 and no field twice, from its start to its end', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lines-test-'))
    const certificate = await makeDevelopmentCertificate()
    const program = join(folder, 'program.mjs')
    writeFileSync(join(folder, 'cert.pem'), certificate.cert)
    writeFileSync(join(folder, 'key.pem'), certificate.key)
    writeFileSync(program, PROGRAM)
    const child = spawn(process.execPath, [program], {
      env: {
        PATH: process.env['PATH'],
        ...{ PORT: '0', LISTEN_HOST: '127.0.0.1', JWE_SHARED_KEY: 'k7Wq2mZx9LtR4vBn', LOG_LEVEL: 'debug' },
        ...{ TLS_CERT_FILE: join(folder, 'cert.pem'), TLS_KEY_FILE: join(folder, 'key.pem'), DATA_DIR: folder },
        ...{ ADMIN_PORT: '0', ADMIN_AUTH_USERNAME: 'operator', ADMIN_AUTH_PASSWORD: 'correct horse battery' },
        ...{ RETRY_DELAY_SECONDS: '3600', STOP_GRACE_SECONDS: '5' },
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
    rmSync(folder, { recursive: true, force: true })
    const lines = out.split('\n').filter(Boolean)
    const documented = new Set(
      [
        ...readFileSync(resolve(import.meta.dirname, '../../../../docs/reference/events.md'), 'utf8').matchAll(
          /^\| `([a-z.-]+)` \|/gm,
        ),
      ].map(([, name = '']) => name),
    )
    // A handler may name its own.
    documented.add('complaint.seen')

    for (const line of lines) expectLine(line, documented)
    const events = new Set(lines.map((line) => JSON.parse(line).event))
    expect([...events], errors).to.include.members([
      ...['adapter.started', 'adapter.stopping', 'adapter.stopped', 'server.listening', 'server.certificate.loaded'],
      ...[
        'submission.accepted',
        'submission.duplicate',
        'submission.refused',
        'submission.unmatched',
        'submission.delivered',
      ],
      ...[
        'submission.dead',
        'submission.redriven',
        'attempt.started',
        'attempt.failed',
        'attachment.failed',
        'store.swept',
      ],
      ...['attachment.refused', 'operator.refused', 'server.request.refused', 'server.stopped', 'handler.logged'],
      ...['complaint.seen', 'form.unspecified'],
    ])
    expect(out).not.to.contain('Jane Citizen')
  })
})
