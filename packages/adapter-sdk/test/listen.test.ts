import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { listening } from '../src/listen.ts'

/** Runs a built adapter, which starts sooner, in its own process, which must exit by itself, and returns what it printed. */
function start(environment: { [name: string]: string | undefined }, preload: readonly string[] = []) {
  const program = `import { createAdapter } from '${new URL('../dist/index.js', import.meta.url)}'
    import { TestClock, testStore } from '${new URL('../dist/testing/clock.js', import.meta.url)}'
    const { open: store } = testStore({}, new TestClock())
    await createAdapter({ forms: { complaint: { path: '/v2/complaint', async handle() {} } } }).start({ store })`
  const { status, stdout, stderr } = spawnSync(process.execPath, [...preload, '--eval', program], {
    env: { PATH: process.env['PATH'], JWE_SHARED_KEY: 'Xk2fQ9wLs7TgBzR4', LISTEN_HOST: '127.0.0.1', ...environment },
    encoding: 'utf8',
    timeout: 50_000,
  })
  return { status, stdout, stderr }
}

const PAGE = { ADMIN_AUTH_USERNAME: 'operator', ADMIN_AUTH_PASSWORD: 'a long password' }

/** Makes every bind to an IPv6 address fail, and, if told so, sends a signal once another one listens. */
function withoutIpv6(errno: number, signal?: NodeJS.Signals): string[] {
  const code = `const { TCP } = process.binding('tcp_wrap')
    const { listen } = TCP.prototype
    TCP.prototype.bind6 = () => ${errno}
    TCP.prototype.listen = function (...rest) {
      ${signal === undefined ? '' : `setTimeout(() => process.kill(process.pid, '${signal}'), 500)`}
      return listen.apply(this, rest)
    }`
  return ['--no-deprecation', '--import', `data:text/javascript,${encodeURIComponent(code)}`]
}

describe('a port', () => {
  const other = createServer()
  let taken = 0
  before(async () => {
    await once(other.listen(0, '127.0.0.1'), 'listening')
    taken = (other.address() as AddressInfo).port
  })
  after(() => void other.close())

  it('that another process uses makes the process exit, with one line that names the setting and the port', () => {
    const { status, stdout, stderr } = start({ TRUST_PROXY: '127.0.0.1', PORT: String(taken) })

    expect(stderr).to.equal(
      `ERR_PORT_UNAVAILABLE: PORT ${taken} cannot be used: another process uses it (EADDRINUSE)\n`,
    )
    expect([status, stdout]).to.deep.equal([1, ''])
  })

  it("of the operator's page that another process uses does the same, and leaves no port open", () => {
    const page = { ADMIN_PORT: String(taken), ADMIN_AUTH_USERNAME: 'operator', ADMIN_AUTH_PASSWORD: 'a long password' }

    const { status, stderr } = start({ TRUST_PROXY: '127.0.0.1', PORT: '0', LOG_LEVEL: 'error', ...page })

    expect(stderr).to.match(/^ERR_PORT_UNAVAILABLE: ADMIN_PORT \d+ cannot be used: another process uses it .*\n$/)
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

  for (const [code, errno] of [
    ['EAFNOSUPPORT', -97],
    ['EADDRNOTAVAIL', -99],
  ] as const) {
    it(`is listened on without LISTEN_HOST where IPv6 fails with ${code}`, () => {
      const { status, stdout, stderr } = start(
        { TRUST_PROXY: '127.0.0.1', PORT: '0', LISTEN_HOST: undefined },
        withoutIpv6(errno, 'SIGTERM'),
      )

      expect(stderr).to.equal('')
      expect(stdout).to.include('"event":"adapter.started"')
      expect(status).to.equal(0)
    })

    for (const [name, port] of [
      ['LISTEN_HOST', {}],
      ['ADMIN_HOST', { ...PAGE, ADMIN_PORT: '0', ADMIN_TRUSTED_PROXIES: '127.0.0.1' }],
    ] as const)
      it(`is refused, naming ${name}, where that is :: and IPv6 fails with ${code}`, () => {
        const { status, stderr } = start(
          { TRUST_PROXY: '127.0.0.1', PORT: '0', LOG_LEVEL: 'error', ...port, [name]: '::' },
          withoutIpv6(errno),
        )

        expect(stderr).to.match(new RegExp(`^ERR_PORT_UNAVAILABLE: ${name} cannot be used: .* \\(${code}\\)\n$`))
        expect(status).to.equal(1)
      })
  }

  it('leaves an error that is not about listening as it is', async () => {
    const foreign = Object.assign(new Error('read'), { syscall: 'read', code: 'EIO' })

    const failed = await listening({ port: 'PORT', host: 'LISTEN_HOST' }, 1, () => Promise.reject(foreign)).catch(
      (error: unknown) => error,
    )

    expect(failed).to.equal(foreign)
  })
})
