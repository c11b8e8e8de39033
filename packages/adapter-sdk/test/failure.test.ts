import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runInNewContext } from 'node:vm'
import axios from 'axios'
import { expect } from 'chai'
import { failureOf, failureText } from '../src/failure.ts'
import { quotedIn } from '../src/quoted.ts'

/** What a citizen wrote, as answers and as a link. */
const ANSWERS = { name: 'Ada Lovelace', insurance: 'QQ 12 34 56 C', telephone: '07700900123', long: 'x'.repeat(200) }
const LINK = 'https://files.example/Lovelace?signature=deadbeef'
const SAID = `Ada Lovelace QQ123456C 07700900123 ${LINK}`
const SECRET = /lovelace|qq123456c|07700|deadbeef|files\.example|signature/i
const isQuoted = quotedIn(ANSWERS, [{ url: LINK, filename: 'Lovelace.pdf' }])
const ALL = JSON.stringify

function thrownBy(act: () => unknown): unknown {
  try {
    return act()
  } catch (error) {
    return error
  }
}

const rejectedBy = (act: () => Promise<unknown>): Promise<unknown> => act().catch((error: unknown) => error)
const HERE = /@formbuilder\/adapter-sdk\/test\/failure\.test\.ts:\d+/

describe('what is kept of an error', () => {
  it("shows the line of a handler's bug", () => {
    const answers: { name?: { first: string } } = {}

    const failure = failureOf(thrownBy(() => (answers.name as { first: string }).first))

    expect(failureText(failure)).to.match(/^TypeError, at @formbuilder\/adapter-sdk\/test\/failure\.test\.ts:\d+/)
  })

  it('shows the cause of a refused connection, and with axios the line', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${encodeURIComponent(SAID)}`
    await new Promise((resolve) => server.close(resolve))

    const texts = [
      failureText(failureOf(await rejectedBy(async () => await axios.post(url, { SAID }, { proxy: false })))),
      failureText(failureOf(await rejectedBy(async () => await fetch(url)))),
    ]

    expect(texts[0])
      .to.match(/^\w*Error ECONNREFUSED, at /)
      .and.to.match(HERE)
    // Node's fetch has no frame of its caller when a connection fails.
    expect(texts[1]).to.match(/^TypeError.*; caused by \w*Error ECONNREFUSED/)
    expect(texts.join()).not.to.match(SECRET)
  })

  it('shows the line and the status of a 503 of the target, and nothing of the request or the answer', async () => {
    const server = createServer((_, response) => response.writeHead(503, { 'X-Said': 'Lovelace' }).end(SAID))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${encodeURIComponent(SAID)}`

    const error = await rejectedBy(async () => await axios.post(url, { SAID }, { proxy: false }))
    server.close()
    const failure = failureOf(new Error(SAID, { cause: error }))

    expect(failure.causes?.[0]).to.include({ name: 'AxiosError', code: 'ERR_BAD_RESPONSE', status: 503 })
    expect(failureText(failure))
      .to.match(/; caused by AxiosError ERR_BAD_RESPONSE, HTTP 503, at /)
      .and.to.match(HERE)
    expect(ALL(failure)).not.to.match(SECRET)
  })

  it('ends chains of causes, also those that are circles, after five', () => {
    const circle = new Error(SAID)
    circle.cause = new TypeError(SAID, { cause: circle })
    let chain = new Error('first')
    for (let i = 0; i < 50; i++) chain = new Error(SAID, { cause: chain })

    expect(failureOf(circle).causes).to.have.length(1)
    expect(failureOf(chain).causes).to.have.length(5)
  })

  it('shows what an AggregateError holds', () => {
    const errors = ['ECONNREFUSED', 'ETIMEDOUT'].map((code) => Object.assign(new Error(SAID), { code }))

    const { causes } = failureOf(new AggregateError(errors, SAID))

    expect(causes?.map(({ code }) => code)).to.deep.equal(['ECONNREFUSED', 'ETIMEDOUT'])
  })

  it('recognises errors of another realm', () => {
    expect(failureOf(runInNewContext('new TypeError("Lovelace")'))).to.include({ name: 'TypeError' })
  })

  it('shows a path inside its package, and of a file without one the name only', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ada-home-'))
    const file = join(folder, 'handler.mjs')
    writeFileSync(file, 'export const fail = () => { throw new Error("no") }\n')
    const { fail } = (await import(pathToFileURL(file).href)) as { fail: () => never }

    const { frames } = failureOf(thrownBy(fail))
    rmSync(folder, { recursive: true })

    expect(frames[0]).to.equal('handler.mjs:1')
    expect(ALL(frames)).not.to.match(/ada-home|"\/|node:/)
  })

  const stacked = (stack: unknown) => Object.assign(new Error(SAID), { stack })
  const named = (name: string) => Object.assign(new Error(SAID), { name })
  const coded = (code: unknown) => Object.assign(new Error(SAID), { code })
  const computed = (name: string) => ({
    [name]() {
      throw new Error(SAID)
    },
  })
  const file = new URL(import.meta.url).pathname
  class Named extends Error {
    static override readonly name = 'Lovelace'
  }
  for (const [what, error] of [
    ['a message and a cause', new Error(SAID, { cause: new Error(SAID) })],
    ['a name', named('Lovelace')],
    ['a name that ends like one', named('LovelaceError')],
    ['a name of all of it', named(SAID)],
    ['a code', coded('QQ123456C')],
    ['a code with an underscore', coded('NO_LOVELACE')],
    ['a code of digits', coded('ERR_07700900123')],
    ['a number as a code', coded(7_700_900_123)],
    ['an object as a code', coded({ toString: () => 'Lovelace' })],
    ['a state of PostgreSQL', Object.assign(coded('QQ123'), { severity: 'ERROR', detail: SAID, where: SAID })],
    ['a status', Object.assign(new Error(SAID), { status: SAID, statusCode: 7_700_900_123 })],
    ['the name of its class', new Named(SAID)],
    ['the name of a method', thrownBy(() => computed('Lovelace')['Lovelace']?.())],
    [
      'the name of a method that looks like a place',
      thrownBy(() => computed('(/Lovelace.ts:1:1)')['(/Lovelace.ts:1:1)']?.()),
    ],
    ['code that was evaluated', thrownBy(() => new Function(`throw new Error('x') //# sourceURL=Lovelace.js`)())],
    [
      'code with the name of a file',
      thrownBy(() => new Function(`throw new Error('x')\n//# sourceURL=/srv/Lovelace.js`)()),
    ],
    ['a stack', stacked(SAID)],
    [
      'a stack of frames',
      stacked(`Error\n    at Lovelace (/app/node_modules/Lovelace.js:1:1)\n    at /Lovelace/x.js:1:1`),
    ],
    [
      'a data: URL',
      stacked(`Error\n    at data:text/javascript,Lovelace.js:1:1\n    at x (data:text/javascript,/Lovelace.js:1:1)`),
    ],
    ['a link', stacked(`Error\n    at ${LINK}.js:1:1\n    at x (${LINK}/y.js:1:1)`)],
    [
      'a line and a column',
      stacked(`Error\n    at ${file}:770090:1\n    at ${file}:1:07700900123\n    at ${file}:07700900123:1`),
    ],
    ['a query', stacked(`Error\n    at file://${file}?Lovelace.js:1:1`)],
    ['a stack that is no text', stacked({ toString: () => SAID })],
    ['a message with frames', new Error(`\n    at Lovelace (/srv/Lovelace.js:1:1)`)],
    ['an AggregateError', new AggregateError([new Error(SAID), SAID], SAID)],
    ['errors that are no list', Object.assign(new Error(SAID), { errors: SAID })],
    ['a text', SAID],
    ['undefined', undefined],
    ['null', null],
    ['a symbol', Symbol(SAID)],
    ['a function', Object.assign(() => SAID, { code: 'QQ123456C' })],
    ['an object', { name: SAID, message: SAID, stack: SAID, code: 'LOVELACE_ADA' }],
    ['a DOMException', new DOMException(SAID, 'Lovelace')],
    [
      'getters that throw',
      Object.defineProperties(new Error(SAID), {
        ...Object.fromEntries(
          ['name', 'code', 'stack', 'message', 'cause', 'status', 'response', 'errors'].map((name) => [
            name,
            {
              get() {
                throw new Error(SAID)
              },
            },
          ]),
        ),
      }),
    ],
    [
      'a Proxy that throws',
      new Proxy(new Error(SAID), {
        get() {
          throw new Error(SAID)
        },
        getPrototypeOf() {
          throw new Error(SAID)
        },
      }),
    ],
  ] as const) {
    it(`is nothing that a citizen wrote, with ${what}`, () => {
      const failure = failureOf(error, isQuoted)

      expect(ALL(failure) + failureText(failure)).not.to.match(SECRET)
    })
  }

  it('is nothing that a citizen wrote where the program formats stacks itself', () => {
    const before = Error.prepareStackTrace
    Error.prepareStackTrace = (error) => `Lovelace ${String(error)}\n    at Lovelace (/srv/Lovelace.js:1:1)`
    const error = new Error(SAID)
    const failure = failureOf(error, isQuoted)
    Error.prepareStackTrace = before

    expect(failure).to.deep.equal({ name: 'Error', frames: [] })
  })

  it('is nothing that a citizen wrote where source maps name files that are not there', () => {
    const stack = `Error\n    at f (${process.cwd()}/src/Lovelace.ts:1:1)\n    at g (${process.cwd()}/src/not-shipped.ts:12:1)`
    process.setSourceMapsEnabled(true)
    const { frames } = failureOf(stacked(stack), isQuoted)
    process.setSourceMapsEnabled(false)

    expect(frames).to.deep.equal(['src/not-shipped.ts:12'])
  })

  for (const code of ['ECONNREFUSED', 'ERR_BAD_RESPONSE', 'UND_ERR_SOCKET', 'CASES_BUSY', 'CERT_HAS_EXPIRED']) {
    it(`is the code ${code}, also when a long answer has its words`, () => {
      const isSaid = quotedIn({
        long: `a bad response, busy cases, and a socket that has expired ${'and so on '.repeat(20)}`,
      })

      expect(failureOf(coded(code), isSaid)).to.include({ code })
    })
  }
})
