import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Program, startProgram } from '../adapter-program.ts'
import { until } from '../until.ts'

interface Line {
  readonly level: string
  readonly event?: string
  readonly [name: string]: unknown
}

const METRICS = `Basic ${Buffer.from('metrics:correct horse battery').toString('base64')}`
const MISSING = 'ERR_FORWARDED_PROTO_MISSING'
const MUST = ': the proxy must send X-Forwarded-Proto: https with what it receives over https'

describe('behind a proxy that is wrong, an adapter', () => {
  const folder = mkdtempSync(join(tmpdir(), 'adapter-proxy-'))
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  const environment = {
    LOG_LEVEL: 'info',
    METRICS_AUTH_USERNAME: 'metrics',
    METRICS_AUTH_PASSWORD: 'correct horse battery',
  }
  let program: Program
  /** Of the adapter that was started last. */
  let listens = 0

  /** Starts an adapter instead of the last one, with a store and counts of its own. */
  async function start(more: Readonly<Record<string, string>>): Promise<number> {
    const body = JSON.stringify({ DATA_DIR: mkdtempSync(join(folder, 'store-')), ...more })
    const answer = await fetch(`http://127.0.0.1:${await program.listening}`, { method: 'POST', body })
    listens = Number(await answer.text())
    return listens
  }
  before(() => {
    program = startProgram({ environment, program: join(import.meta.dirname, 'adapters-process.ts') })
  })
  afterEach(() => agent.destroy())
  after(async () => {
    await program.kill()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Lines of the adapter that was started last. */
  const logged = (event: string): Line[] => {
    const lines = program.lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Line)
    const from = lines.findLastIndex((line) => line.event === 'adapter.started' && line['port'] === listens)
    return from === -1 ? [] : lines.slice(from).filter((line) => line.event === event)
  }

  interface Asked {
    readonly headers?: Readonly<Record<string, string | string[]>>
    readonly method?: string
    readonly path?: string
    readonly from?: string
  }
  const ask = (port: number, asked: Asked = {}) =>
    new Promise<{ status: number; type: string; text: string }>((resolve, reject) => {
      const { headers = {}, method = 'POST', path = '/v2/complaint', from = '127.0.0.1' } = asked
      const sending = request(
        { host: '127.0.0.1', port, method, path, headers, agent, localAddress: from },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => {
            text += chunk
          })
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', text }),
          )
        },
      )
      sending.on('error', reject)
      sending.end(method === 'POST' ? 'not read' : undefined)
    })
  const metric = async (port: number, series: string): Promise<number | undefined> => {
    const { text } = await ask(port, { method: 'GET', path: '/metrics', headers: { Authorization: METRICS } })
    const line = text.split('\n').find((each) => each.startsWith(`${series} `))
    return line === undefined ? undefined : Number(line.slice(series.length + 1))
  }
  const refusals = (reason: string) => `formbuilder_server_refusals_total{layer="request",reason="${reason}"}`

  it('answers 423 submissions with a code, warns once with the peer and what is missing, and counts them all', async () => {
    const port = await start({})
    expect(await metric(port, refusals('forwarded-proto'))).to.equal(0)

    const answers = await Promise.all(Array.from({ length: 423 }, () => ask(port)))

    const expected = {
      type: 'about:blank',
      title: 'Misdirected Request',
      status: 421,
      code: MISSING,
      detail: `there is no X-Forwarded-Proto${MUST}`,
    }
    expect(answers.filter(({ status }) => status === 421)).to.have.length(423)
    expect(new Set(answers.map(({ type }) => type))).to.deep.equal(new Set(['application/problem+json']))
    expect(new Set(answers.map(({ text }) => text))).to.deep.equal(new Set([JSON.stringify(expected)]))
    await until(() => logged('proxy.refused').length > 0)
    expect(logged('proxy.refused').map(({ time: _, ...line }) => line)).to.deep.equal([
      {
        level: 'warn',
        event: 'proxy.refused',
        code: MISSING,
        setting: 'TRUST_PROXY',
        address: '127.0.0.1',
        forwardedProto: 'none',
        detail: expected.detail,
        leftOut: 0,
        msg: 'proxy.refused',
      },
    ])
    expect(await metric(port, refusals('forwarded-proto'))).to.equal(423)
  })

  it('answers 423 submissions from an address that TRUST_PROXY does not name: only the log says which', async () => {
    const port = await start({ TRUST_PROXY: '10.0.0.0/8' })
    expect(await metric(port, refusals('proxy-untrusted'))).to.equal(0)
    const headers = { 'X-Forwarded-Proto': 'https' }

    const answers = await Promise.all(Array.from({ length: 423 }, () => ask(port, { headers, from: '127.0.0.7' })))

    expect(answers.map(({ status }) => status).filter((status) => status === 421)).to.have.length(423)
    expect(new Set(answers.map(({ text }) => text))).to.deep.equal(
      new Set([
        JSON.stringify({
          type: 'about:blank',
          title: 'Misdirected Request',
          status: 421,
          code: 'ERR_PROXY_UNTRUSTED',
          detail: 'this port serves only its own proxy, and the request came from elsewhere',
        }),
      ]),
    )
    await until(() => logged('proxy.refused').length > 0)
    const [line, ...others] = logged('proxy.refused')
    expect(others).to.deep.equal([])
    expect(line).to.deep.include({
      level: 'warn',
      code: 'ERR_PROXY_UNTRUSTED',
      setting: 'TRUST_PROXY',
      address: '127.0.0.7',
      forwardedProto: 'https',
      detail:
        "the address is in no network of TRUST_PROXY: add it if it is the proxy's; if not, it calls this port directly",
    })
    expect(await metric(port, refusals('proxy-untrusted'))).to.equal(423)
  })

  for (const [what, headers, found] of [
    ['X-Forwarded-Proto: http', { 'X-Forwarded-Proto': 'http' }, 'the last entry of X-Forwarded-Proto is http'],
    ['odd letter case', { 'x-FORWARDED-proto': ' HtTp ' }, 'the last entry of X-Forwarded-Proto is http'],
    ['several values', { 'X-Forwarded-Proto': 'https, http' }, 'the last entry of X-Forwarded-Proto is http'],
    ['an empty one', { 'X-Forwarded-Proto': '' }, 'X-Forwarded-Proto is empty'],
    ['commas only', { 'X-Forwarded-Proto': ' , ,' }, 'X-Forwarded-Proto is empty'],
    ['another word', { 'X-Forwarded-Proto': 'Jane' }, 'the last entry of X-Forwarded-Proto is neither https nor http'],
    [
      'Forwarded instead',
      { Forwarded: 'for=192.0.2.1;proto=https' },
      'there is no X-Forwarded-Proto, and Forwarded (RFC 7239) is not read',
    ],
  ] as const)
    it(`names what is wrong with ${what}, in the answer and in the log, and quotes nothing`, async () => {
      const port = await start({})

      const { status, text } = await ask(port, { headers })

      expect(status).to.equal(421)
      expect(JSON.parse(text)).to.include({ code: MISSING, detail: `${found}${MUST}` })
      await until(() => logged('proxy.refused').length > 0)
      expect(logged('proxy.refused')[0]).to.include({ code: MISSING, address: '127.0.0.1', detail: `${found}${MUST}` })
      expect(`${text}${program.lines.join()}`).not.to.match(/Jane|192\.0\.2\.1/)
    })

  it('warns of each of the two kinds, so that strangers do not hide what the proxy does', async () => {
    const port = await start({})

    for (const from of ['127.0.0.2', '127.0.0.1', '127.0.0.3', '127.0.0.1']) await ask(port, { from })

    await until(() => logged('proxy.refused').length >= 2)
    expect(logged('proxy.refused').map(({ code, address }) => [code, address])).to.deep.equal([
      ['ERR_PROXY_UNTRUSTED', '127.0.0.2'],
      [MISSING, '127.0.0.1'],
    ])
  })

  it('says of a worker, which has no proxy, that it takes no submissions', async () => {
    const port = await start({ ADAPTER_ROLE: 'worker', TRUST_PROXY: '' })

    const answer = await ask(port, { headers: { 'X-Forwarded-Proto': 'https' }, from: '127.0.0.2' })

    expect(JSON.parse(answer.text)).to.include({ status: 421, code: 'ERR_PROXY_UNTRUSTED' })
    await until(() => logged('proxy.refused').length > 0)
    expect(logged('proxy.refused')[0]).to.include({
      address: '127.0.0.2',
      detail: 'TRUST_PROXY is not set, so that only this machine may call this port; a worker takes no submissions',
    })
  })

  it('does not start with neither TRUST_PROXY nor a certificate, and names both', async () => {
    const stopped = startProgram({ environment: { DATA_DIR: join(folder, 'unused'), TRUST_PROXY: '' } })

    expect(await stopped.ended).to.equal(1)
    expect(stopped.errors()).to.contain(
      'TLS_CERT_FILE and TLS_KEY_FILE are required, unless TRUST_PROXY names the ingress that ends TLS',
    )
  })

  it('knows after a restart when it accepted the newest submission', async () => {
    const restarting = { environment: { ...environment, DATA_DIR: join(folder, 'restarted') } }
    const name = 'formbuilder_last_accepted_timestamp_seconds'
    const killed = startProgram(restarting)
    const { status } = await killed.send(crypto.randomUUID())
    const before = await metric(await killed.listening, name)
    await killed.kill()

    const restarted = startProgram(restarting)
    const after = await metric(await restarted.listening, name).finally(() => restarted.kill())

    expect(status).to.equal(201)
    expect(before).to.be.closeTo(Date.now() / 1000, 60)
    expect(after).to.equal(before)
  })

  it('serves probes to everyone, and does not take them for a wrong proxy', async () => {
    const port = await start({ TRUST_PROXY: '10.0.0.0/8' })

    expect((await ask(port, { method: 'GET', path: '/health' })).status).to.equal(200)
    expect(await metric(port, refusals('proxy-untrusted'))).to.equal(0)
    expect(logged('proxy.refused')).to.deep.equal([])
  })

  it('counts 600 posts to paths of no form, and writes one line of each kind of path', async () => {
    const port = await start({})
    const headers = { 'X-Forwarded-Proto': 'https' }
    const paths = ['/v2/complaints', '/wp-login.php', `/${'x'.repeat(80)}`, '/V2/Complaint/more', '/xmlrpc', '/a%20b']

    const answers = await Promise.all(
      Array.from({ length: 600 }, (_, i) => ask(port, { headers, path: paths[i % paths.length] as string })),
    )

    expect(answers.filter(({ status }) => status === 404)).to.have.length(600)
    expect(await metric(port, 'formbuilder_submissions_unmatched_total')).to.equal(600)
    await until(() => logged('submission.unmatched').length >= 3)
    // The one that is like the form's path is not hidden by those that strangers try.
    const lines = logged('submission.unmatched')
    expect(lines.map(({ level, forms, leftOut }) => [level, forms, leftOut])).to.deep.equal(
      Array.from({ length: 3 }, () => ['warn', ['/v2/complaint'], 0]),
    )
    expect(lines.filter(({ path }) => /^\/v2\//i.test(String(path)))).to.have.length(1)
    expect(lines.filter(({ path }) => path === '(no path that a form could have)')).to.have.length(1)
  })
})
