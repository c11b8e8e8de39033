import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import Koa from 'koa'
import { listening } from '../src/listen.ts'
import { health } from '../src/receiver/health.ts'

/** Starts an adapter in a process of its own, which is to end by itself, and says what is left on the screen. */
function start(environment: { [name: string]: string }) {
  const program = `import { createAdapter } from '${new URL('../src/index.ts', import.meta.url)}'
    import { openMemoryDatabase, memoryFiles, TestClock } from '${new URL('../src/testing/clock.ts', import.meta.url)}'
    const store = async () => ({ database: await openMemoryDatabase(), files: memoryFiles(new TestClock()) })
    await createAdapter({ forms: { complaint: { path: '/v2/complaint', async handle() {} } } }).start({ store })`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--eval', program], {
    env: { PATH: process.env['PATH'], JWE_SHARED_KEY: 'Xk2fQ9wLs7TgBzR4', LISTEN_HOST: '127.0.0.1', ...environment },
    encoding: 'utf8',
    timeout: 50_000,
  })
  return { status, stdout, stderr }
}

describe('a port', () => {
  const other = createServer()
  let taken = 0
  before(async () => {
    await once(other.listen(0, '127.0.0.1'), 'listening')
    taken = (other.address() as AddressInfo).port
  })
  after(() => void other.close())

  it('that another process has ends this one with one line that names the setting and the port', () => {
    const { status, stdout, stderr } = start({ TRUST_PROXY: '127.0.0.1', PORT: String(taken) })

    expect(stderr).to.equal(
      `ERR_PORT_UNAVAILABLE: PORT ${taken} cannot be listened on: another process has it (EADDRINUSE)\n`,
    )
    expect([status, stdout]).to.deep.equal([1, ''])
  })

  it("of the operator's page that another process has does the same, and leaves no port open", () => {
    const page = { ADMIN_PORT: String(taken), ADMIN_AUTH_USERNAME: 'operator', ADMIN_AUTH_PASSWORD: 'a long password' }

    const { status, stderr } = start({ TRUST_PROXY: '127.0.0.1', PORT: '0', LOG_LEVEL: 'error', ...page })

    expect(stderr).to.match(/^ERR_PORT_UNAVAILABLE: ADMIN_PORT \d+ cannot be listened on: another process has it .*\n$/)
    expect(status).to.equal(1)
  })

  it('with a certificate and a key that cannot be read names both settings in one message', () => {
    const files = { TLS_CERT_FILE: '/nonexistent/cert.pem', TLS_KEY_FILE: '/nonexistent/key.pem' }

    const { status, stderr } = start({ PORT: '0', ...files })

    expect(stderr).to.equal(
      'ERR_CONFIG_INVALID: 2 settings to put right:\n' +
        '- TLS_CERT_FILE names a file that cannot be read (ENOENT)\n' +
        '- TLS_KEY_FILE names a file that cannot be read (ENOENT)\n',
    )
    expect(status).to.equal(1)
  })

  it('passes on what has nothing to do with it', async () => {
    const foreign = Object.assign(new Error('read'), { syscall: 'read', code: 'EIO' })

    const failed = await listening('PORT', 1, () => Promise.reject(foreign)).catch((error: unknown) => error)

    expect(failed).to.equal(foreign)
  })
})

describe('a look at the readiness', () => {
  it('is shared by all who ask while it is under way, and is a new one afterwards', async () => {
    let looks = 0
    let answer: () => void = () => undefined
    const check = () => {
      looks += 1
      return new Promise<void>((resolve) => {
        answer = resolve
      })
    }
    const app = new Koa()
    let asked = 0
    app.use((_ctx, next) => {
      asked += 1
      return next()
    })
    const waiting = () => ({ requests: 0, limit: 1 })
    app.use(health({ isStopping: () => false, check, waiting, mayReadReasons: () => false }))
    const server = app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/readiness`

    const first = Array.from({ length: 50 }, () => fetch(url))
    while (asked < 50) await new Promise((resolve) => setImmediate(resolve))
    answer()
    const statuses = (await Promise.all(first)).map(({ status }) => status)
    const later = fetch(url)
    while (looks < 2) await new Promise((resolve) => setImmediate(resolve))
    answer()
    await later
    server.closeAllConnections()
    server.close()

    expect(new Set(statuses)).to.deep.equal(new Set([200]))
    expect(looks).to.equal(2)
  })
})
