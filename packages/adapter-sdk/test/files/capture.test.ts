import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { expect } from 'chai'
import type { ErrorCode } from '../../src/errors.ts'
import {
  type Capture,
  type CapturedFile,
  type CaptureOptions,
  createCapture,
  isCaptured,
  type MissingFile,
} from '../../src/files/capture.ts'
import type { FileStore } from '../../src/files/file-store.ts'
import { folderStore } from '../../src/files/folder.ts'
import { parseAttachmentHosts } from '../../src/files/hosts.ts'
import type { AttachmentLink } from '../../src/protocol/submission.ts'
import { freePort } from '../free-port.ts'
import { FileHost } from './server.ts'

// Recorded: what the platform's cipher makes of `hello world\n`, and of 16 bytes, which take a whole block of padding.
const HELLO = '06dcb6db9778e0201094f912e55784d6'
const EXACT_BLOCK = 'c88866e73c6c600b9713541c1a3ca0969b5032e6e21aad84ea1f7973b8196e9a'
const SECRET = {
  encryption_key: 'lWy12VrwB1WARFTM03QtJKhq0yfD49heIWetnswXtZk=',
  encryption_iv: 'Jzg1K2vDxTzi5r2ZawVqww==',
}
const HELLO_SHA256 = 'ec454f4a477b7f4befaab5120ea6e6b62acb33039086f9287fc3f5c7ff83bf98'

const NAMES = { filename: 'a-very-private-name.pdf', mimetype: 'application/pdf' }

describe('a capture', () => {
  let host: FileHost
  let folder: string
  let answer: RequestListener
  before(async () => {
    host = await FileHost.start((request, response) => answer(request, response), ['localhost', 'files.example'])
  })
  after(() => host[Symbol.asyncDispose]())
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'attachments-test-'))
    host.requests.length = 0
    answer = (_request, response) => response.end(HELLO)
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const link = (path = '/file?X-Amz-Signature=a-very-private-signature'): AttachmentLink => ({
    url: `https://localhost:${host.port}${path}`,
    ...SECRET,
    ...NAMES,
  })
  const capturing = (options: Partial<CaptureOptions> = {}): Capture =>
    createCapture({
      store: folderStore(folder),
      hosts: parseAttachmentHosts(`localhost:${host.port}`),
      authorities: [host.certificate],
      ...options,
    })

  describe('of a file that can be had', () => {
    it('says how large it is, encrypted and in clear, and gives the SHA-256 of the ciphertext', async () => {
      const [file] = await capturing().capture([link()])

      expect(captured(file)).to.deep.include({ bytes: 16, plaintextBytes: 12, sha256: HELLO_SHA256 })
      expect(readdirSync(folder)).to.deep.equal([captured(file).id])
    })

    it('knows the size of a file that fills its last block', async () => {
      answer = (_request, response) => response.end(EXACT_BLOCK)

      const [file] = await capturing().capture([link()])

      expect(captured(file)).to.deep.include({ bytes: 32, plaintextBytes: 16 })
    })

    it('asks once, with GET, for the whole of the link', async () => {
      const methods: (string | undefined)[] = []
      answer = (request, response) => {
        methods.push(request.method)
        response.end(HELLO)
      }

      await capturing().capture([link('/bucket/key?X-Amz-Expires=900&X-Amz-Signature=s%2Fx#fragment')])

      expect(methods).to.deep.equal(['GET'])
      expect(host.requests).to.deep.equal([
        { path: '/bucket/key?X-Amz-Expires=900&X-Amz-Signature=s%2Fx', serverName: 'localhost' },
      ])
    })

    it('takes hexadecimal text that comes in pieces of any size', async () => {
      answer = async (_request, response) => {
        for (const piece of ['0', '6d', 'cb6db9778e0201094f912e', '55784d6']) {
          response.write(piece)
          await setImmediate()
        }
        response.end()
      }

      const [file] = await capturing().capture([link()])

      expect(captured(file)).to.deep.include({ bytes: 16, sha256: HELLO_SHA256 })
    })

    // Stored with an SDK, an object keeps the framing of its upload as a coding: the bytes that come are the file's own.
    for (const [value, why] of [
      ['', 'an empty value names no coding'],
      ['identity', 'identity means none'],
      ['Identity', 'letter case does not count'],
      ['aws-chunked', 'it names the framing of the upload'],
      ['AWS-Chunked', 'letter case does not count'],
      ['aws-chunked,', 'an empty entry of a list counts for nothing'],
      [' , aws-chunked,identity', 'each entry names no coding'],
      ['chunked', 'it names the framing of an answer'],
      ['utf-8', 'it names a character set, and the digits are checked anyway'],
    ] as const)
      it(`takes a file with the content encoding ${JSON.stringify(value)}: ${why}`, async () => {
        answer = (_request, response) => response.writeHead(200, { 'Content-Encoding': value }).end(HELLO)

        const [file] = await capturing().capture([link()])

        expect(captured(file)).to.deep.include({ bytes: 16, sha256: HELLO_SHA256 })
      })

    it('gives the results in the order of the links', async () => {
      answer = (request, response) => {
        if (request.url === '/0') void setTimeout(50).then(() => response.end(HELLO))
        else response.writeHead(request.url === '/1' ? 200 : 403).end(EXACT_BLOCK)
      }

      const results = await capturing().capture([link('/0'), link('/1'), link('/2')])

      expect(results.map((file) => ('missing' in file ? file.missing : file.bytes))).to.deep.equal([
        16,
        32,
        'ERR_ATTACHMENT_STATUS',
      ])
    })

    it('has nothing to do for no links', async () => {
      expect(await capturing().capture([])).to.deep.equal([])
    })
  })

  describe('of what a link answers', () => {
    for (const [what, listener, missing, message] of [
      ['an expired link', (_, response) => response.writeHead(403).end('<Error/>'), 'ERR_ATTACHMENT_STATUS', '403'],
      ['a file that is gone', (_, response) => response.writeHead(404).end(), 'ERR_ATTACHMENT_STATUS', '404'],
      ['a host that fails', (_, response) => response.writeHead(500).end(HELLO), 'ERR_ATTACHMENT_STATUS', '500'],
      ['a part of a file', (_, response) => response.writeHead(206).end(HELLO), 'ERR_ATTACHMENT_STATUS', '206'],
      ['no content', (_, response) => response.writeHead(204).end(), 'ERR_ATTACHMENT_STATUS', '204'],
      [
        'a content encoding',
        (_, response) => response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(HELLO),
        'ERR_ATTACHMENT_NOT_HEX',
        'content encoding',
      ],
      ...(['GZIP', 'aws-chunked, gzip', 'gzip,aws-chunked', 'br', 'zstd', 'deflate'] as const).map(
        (coding): [string, RequestListener, ErrorCode, string] => [
          `the content encoding ${coding}`,
          (_, response) => response.writeHead(200, { 'Content-Encoding': coding }).end(HELLO),
          'ERR_ATTACHMENT_NOT_HEX',
          'content encoding',
        ],
      ),
      [
        'a transfer coding that compresses',
        (request) =>
          request.socket.end(`HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n20\r\n${HELLO}\r\n0\r\n\r\n`),
        'ERR_ATTACHMENT_NOT_HEX',
        'transfer coding',
      ],
      [
        'a transfer coding without an end',
        (request) => request.socket.end(`HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n${HELLO}`),
        'ERR_ATTACHMENT_UNREACHABLE',
        'where it ends',
      ],
      ['an empty body', (_, response) => response.end(), 'ERR_ATTACHMENT_NOT_HEX', 'whole AES block'],
      ['half a digit too little', (_, response) => response.end(HELLO.slice(1)), 'ERR_ATTACHMENT_NOT_HEX', 'block'],
      ['half a block', (_, response) => response.end(HELLO.slice(16)), 'ERR_ATTACHMENT_NOT_HEX', 'whole AES block'],
      [
        'a web page',
        (_, response) => response.end('<html>Welcome to our wifi</html>'),
        'ERR_ATTACHMENT_NOT_HEX',
        'digit',
      ],
      ['a line end', (_, response) => response.end(`${HELLO}\n`), 'ERR_ATTACHMENT_NOT_HEX', ''],
      ['another key', (_, response) => response.end('00'.repeat(16)), 'ERR_ATTACHMENT_CORRUPT', 'does not decrypt'],
      [
        'a body that is cut short',
        (_, response) => {
          response.writeHead(200, { 'Content-Length': 64 })
          response.write(HELLO, () => response.destroy())
        },
        'ERR_ATTACHMENT_UNREACHABLE',
        'broke off',
      ],
      [
        'pieces that are cut short',
        (_, response) => void response.write(HELLO, () => response.destroy()),
        'ERR_ATTACHMENT_UNREACHABLE',
        'broke off',
      ],
      [
        'a body without an end',
        (_, response) => {
          response.shouldKeepAlive = false
          response.useChunkedEncodingByDefault = false
          response.removeHeader('Transfer-Encoding')
          response.writeHead(200)
          response.end(HELLO)
        },
        'ERR_ATTACHMENT_UNREACHABLE',
        'where it ends',
      ],
      [
        'headers without an end',
        (_, response) => response.writeHead(200, { 'X-Filler': 'x'.repeat(20_000) }).end(HELLO),
        'ERR_ATTACHMENT_UNREACHABLE',
        'HPE_HEADER_OVERFLOW',
      ],
      ['nothing', (request) => request.socket.destroy(), 'ERR_ATTACHMENT_UNREACHABLE', 'ECONNRESET'],
    ] satisfies [string, RequestListener, ErrorCode, string][])
      it(`names ${what}: ${missing}`, async () => {
        answer = listener

        const [file] = await capturing().capture([link()])

        expect(missingFile(file).missing).to.equal(missing)
        expect(missingFile(file).message)
          .to.match(/^attachments\[0\]: /)
          .and.include(message)
        expect(readdirSync(folder)).to.deep.equal([])
      })

    for (const status of [301, 302, 303, 307, 308])
      it(`does not follow a redirect with ${status}`, async () => {
        answer = (request, response) =>
          request.url === '/elsewhere'
            ? response.end(HELLO)
            : response.writeHead(status, { Location: `https://localhost:${host.port}/elsewhere` }).end()

        const [file] = await capturing().capture([link('/here')])

        expect(missingFile(file)).to.deep.equal({
          missing: 'ERR_ATTACHMENT_REFUSED',
          message: `attachments[0]: the answer is a redirect (${status})`,
        })
        expect(host.requests.map(({ path }) => path)).to.deep.equal(['/here'])
      })

    it('says nothing of the link, the name or the key', async () => {
      answer = (_request, response) => response.writeHead(403).end()

      const results = await capturing().capture([link(), { ...link(), url: 'http://a-very-private-host.example/' }])

      expect(JSON.stringify(results)).not.to.match(/private|localhost|lWy12|Jzg1/)
    })
  })

  describe('of where a link leads', () => {
    const PUBLIC = [{ address: '52.95.150.1', family: 4 }]

    for (const [url, why] of [
      ['http://s3.eu-west-2.amazonaws.com/x', 'not https'],
      ['ftp://s3.eu-west-2.amazonaws.com/x', 'not https'],
      ['file:///etc/passwd', 'not https'],
      ['/etc/passwd', 'no URL'],
      ['', 'no URL'],
      ['https://user@s3.eu-west-2.amazonaws.com/x', 'credentials'],
      ['https://:password@s3.eu-west-2.amazonaws.com/x', 'credentials'],
      ['https://evil.example/x', 'ATTACHMENT_HOSTS'],
      ['https://s3.eu-west-2.amazonaws.com@evil.example/x', 'credentials'],
      ['https://s3.eu-west-2.amazonaws.com.evil.example/x', 'ATTACHMENT_HOSTS'],
      ['https://s3.eu-west-2.amazonaws.com:8443/x', 'ATTACHMENT_HOSTS'],
      ['https://a.b.s3.eu-west-2.amazonaws.com/x', 'ATTACHMENT_HOSTS'],
      ['https://169.254.169.254/latest/meta-data', 'ATTACHMENT_HOSTS'],
      ['https://[::1]/x', 'ATTACHMENT_HOSTS'],
      ['https://2130706433/x', 'ATTACHMENT_HOSTS'],
      ['https://localhost/x', 'ATTACHMENT_HOSTS'],
    ] as const)
      it(`refuses ${url || 'an empty url'}: ${why}`, async () => {
        const names: string[] = []
        const resolve = async (name: string) => {
          names.push(name)
          return PUBLIC
        }
        const { capture } = createCapture({ store: folderStore(folder), resolve })

        const [file] = await capture([{ ...link(), url }])

        expect(missingFile(file).missing).to.equal('ERR_ATTACHMENT_REFUSED')
        expect(missingFile(file).message).to.include(why)
        expect(names).to.deep.equal([])
      })

    for (const [addresses, what] of [
      [['127.0.0.1'], 'this machine'],
      [['10.0.0.1'], 'a private network'],
      [['169.254.169.254'], 'the metadata service'],
      [['::1'], 'this machine'],
      [['::ffff:127.0.0.1'], 'this machine, as IPv4 in IPv6'],
      [['fd00:ec2::254'], 'the metadata service'],
      [['52.95.150.1', '10.0.0.1'], 'a public address and a private one'],
      [['2a05:d018::1', 'fe80::1'], 'a public address and a link-local one'],
    ] as const)
      it(`refuses a host that stands for ${what} (${addresses})`, async () => {
        const resolve = async () => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
        const { capture } = createCapture({ store: folderStore(folder), resolve })

        const [file] = await capture([{ ...link(), url: 'https://s3.eu-west-2.amazonaws.com/x' }])

        expect(missingFile(file)).to.deep.equal({
          missing: 'ERR_ATTACHMENT_REFUSED',
          message: 'attachments[0]: the host of the url stands for an address that is not public',
        })
      })

    it('names a host that has no address', async () => {
      const failure = Object.assign(new Error('getaddrinfo ENOTFOUND a-very-private-host'), { code: 'ENOTFOUND' })
      const answers = [async () => [], () => Promise.reject(failure)]

      for (const resolve of answers) {
        const { capture } = createCapture({ store: folderStore(folder), resolve })
        const [file] = await capture([{ ...link(), url: 'https://s3.eu-west-2.amazonaws.com/x' }])
        expect(missingFile(file).missing).to.equal('ERR_ATTACHMENT_UNREACHABLE')
        expect(missingFile(file).message).not.to.include('private')
      }
    })

    it('connects to the address that was checked, with no second look, and asks for the host by its name', async () => {
      const names: string[] = []
      const { capture } = capturing({
        hosts: parseAttachmentHosts(`files.example:${host.port}`),
        // No resolver but this one knows the name, and it would say something else the second time.
        resolve: async (name) => [{ address: names.push(name) === 1 ? '127.0.0.1' : '127.0.0.2', family: 4 }],
      })

      const [file] = await capture([{ ...link(), url: `https://files.example:${host.port}/x` }])

      expect(captured(file).bytes).to.equal(16)
      expect(names).to.deep.equal(['files.example'])
      expect(host.requests).to.deep.equal([{ path: '/x', serverName: 'files.example' }])
    })

    it('takes the next address when the first does not answer', async () => {
      const { capture } = capturing({
        hosts: parseAttachmentHosts(`files.example:${host.port}`),
        resolve: async () => [
          { address: '127.0.0.77', family: 4 },
          { address: '127.0.0.1', family: 4 },
        ],
      })

      const [file] = await capture([{ ...link(), url: `https://files.example:${host.port}/x` }])

      expect(captured(file).bytes).to.equal(16)
    })

    it('names a host whose certificate nobody vouches for', async () => {
      const { capture } = createCapture({
        store: folderStore(folder),
        hosts: parseAttachmentHosts(`localhost:${host.port}`),
      })

      const [file] = await capture([link()])

      expect(missingFile(file).missing).to.equal('ERR_ATTACHMENT_UNREACHABLE')
      expect(missingFile(file).message).to.match(/\((DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN)\)$/)
      expect(host.requests).to.deep.equal([])
    })

    it('names a host whose certificate is for another name', async () => {
      const { capture } = capturing({
        hosts: parseAttachmentHosts(`other.example:${host.port}`),
        resolve: async () => [{ address: '127.0.0.1', family: 4 }],
      })

      const [file] = await capture([{ ...link(), url: `https://other.example:${host.port}/x` }])

      expect(missingFile(file).message).to.include('(ERR_TLS_CERT_ALTNAME_INVALID)')
      expect(host.requests).to.deep.equal([])
    })

    it('checks certificates also where Node is told not to', async () => {
      const { capture } = createCapture({
        store: folderStore(folder),
        hosts: parseAttachmentHosts(`localhost:${host.port}`),
      })
      process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
      try {
        expect(missingFile((await capture([link()]))[0]).missing).to.equal('ERR_ATTACHMENT_UNREACHABLE')
      } finally {
        delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
      }
    })

    it('names a host where nobody listens', async () => {
      const port = await freePort()
      const { capture } = capturing({ hosts: parseAttachmentHosts(`localhost:${port}`) })

      const [file] = await capture([{ ...link(), url: `https://localhost:${port}/x` }])

      expect(missingFile(file).missing).to.equal('ERR_ATTACHMENT_UNREACHABLE')
      expect(missingFile(file).message).to.include('(ECONNREFUSED)')
    })
  })

  describe('of keys', () => {
    for (const [what, secret] of [
      ['a key of 16 bytes', { encryption_key: 'lWy12VrwB1WARFTM03QtJA==' }],
      ['an IV of 12 bytes', { encryption_iv: 'Jzg1K2vDxTzi5r2Z' }],
      ['a key that is not base64', { encryption_key: 'not base64' }],
      ['no key', { encryption_key: '' }],
    ] as const)
      it(`names ${what}, and asks nobody for the file`, async () => {
        const [file] = await capturing().capture([{ ...link(), ...secret }])

        expect(missingFile(file).missing).to.equal('ERR_ATTACHMENT_KEY_INVALID')
        expect(host.requests).to.deep.equal([])
      })
  })

  describe('within limits', () => {
    it('takes a file of the largest size, and refuses one block more', async () => {
      answer = (request, response) => response.end(request.url === '/32' ? EXACT_BLOCK : HELLO)

      const results = await capturing({ limitBytes: 16 }).capture([link('/16'), link('/32')])

      expect(captured(results[0]).bytes).to.equal(16)
      expect(missingFile(results[1])).to.deep.equal({
        missing: 'ERR_ATTACHMENT_TOO_LARGE',
        message: 'attachments[1]: the answer has 64 bytes, allowed are 32',
      })
    })

    it('does not read a body that says it is too large', async () => {
      let sent = 0
      answer = (_request, response) => {
        response.writeHead(200, { 'Content-Length': 200_000_000 })
        const send = () => {
          for (let more = true; more && sent < 200_000_000; sent += 65_536) more = response.write('0'.repeat(65_536))
        }
        response.on('drain', send)
        send()
      }

      const [file] = await capturing({ limitBytes: 1_000_000 }).capture([link()])

      expect(missingFile(file).missing).to.equal('ERR_ATTACHMENT_TOO_LARGE')
      // What fits into the buffers between two processes, not what was announced.
      expect(sent).to.be.lessThan(50_000_000)
    })

    it('stops reading a body that becomes too large', async () => {
      let closed = false
      answer = (_request, response) => {
        const send = () => {
          while (!closed && response.write('0'.repeat(65_536)));
        }
        response.on('drain', send)
        response.on('close', () => {
          closed = true
        })
        send()
      }

      const [file] = await capturing({ limitBytes: 1_000_000 }).capture([link()])

      expect(missingFile(file)).to.deep.equal({
        missing: 'ERR_ATTACHMENT_TOO_LARGE',
        message: 'attachments[0]: the file has more than 1000000 bytes',
      })
      await until(() => closed)
      expect(readdirSync(folder)).to.deep.equal([])
    })

    it('refuses what makes all files together too large', async () => {
      const { capture } = capturing({ totalLimitBytes: 40, concurrency: 1 })

      const results = await capture([link('/0'), link('/1'), link('/2')])

      expect(results.map((file) => ('missing' in file ? file.missing : 'captured'))).to.deep.equal([
        'captured',
        'captured',
        'ERR_ATTACHMENT_TOO_LARGE',
      ])
    })

    it('does not count a file that failed', async () => {
      answer = (request, response) => response.end(request.url === '/0' ? '00'.repeat(32) : HELLO)
      const { capture } = capturing({ totalLimitBytes: 32, concurrency: 1 })

      const results = await capture([link('/0'), link('/1'), link('/2')])

      expect(results.map((file) => ('missing' in file ? file.missing : 'captured'))).to.deep.equal([
        'ERR_ATTACHMENT_CORRUPT',
        'captured',
        'captured',
      ])
    })

    it('refuses files beyond the number allowed', async () => {
      const results = await capturing({ limitCount: 1 }).capture([link('/0'), link('/1')])

      expect(captured(results[0]).bytes).to.equal(16)
      expect(missingFile(results[1])).to.deep.equal({
        missing: 'ERR_ATTACHMENT_TOO_LARGE',
        message: 'attachments[1]: only 1 files are allowed',
      })
      expect(host.requests).to.have.lengthOf(1)
    })
  })

  describe('within the time', () => {
    const HANGING: RequestListener = (_request, response) => {
      // A digit now and then keeps the connection alive.
      const drip = setInterval(() => response.write('0'), 20)
      response.on('close', () => clearInterval(drip))
    }

    it('gives up a link that does not begin to answer', async () => {
      answer = () => {}

      const [file] = await capturing({ connectTimeoutSeconds: 0.2 }).capture([link()])

      expect(missingFile(file)).to.deep.equal({
        missing: 'ERR_ATTACHMENT_TIMEOUT',
        message: 'attachments[0]: the link did not start to answer within 0.2 seconds',
      })
    })

    it('gives up a host that does not speak TLS', async () => {
      await using silent = await SilentHost.start()
      const { capture } = capturing({
        hosts: parseAttachmentHosts(`localhost:${silent.port}`),
        connectTimeoutSeconds: 0.2,
      })

      const [file] = await capture([{ ...link(), url: `https://localhost:${silent.port}/x` }])

      expect(missingFile(file).missing).to.equal('ERR_ATTACHMENT_TIMEOUT')
      await until(() => silent.open === 0)
    })

    it('gives up a resolver that does not answer', async () => {
      const { capture } = capturing({ connectTimeoutSeconds: 0.2, resolve: () => new Promise(() => {}) })

      expect(missingFile((await capture([link()]))[0]).missing).to.equal('ERR_ATTACHMENT_TIMEOUT')
    })

    it('gives up a file that drips', async () => {
      answer = HANGING

      const [file] = await capturing({ fileTimeoutSeconds: 0.3 }).capture([link()])

      expect(missingFile(file)).to.deep.equal({
        missing: 'ERR_ATTACHMENT_TIMEOUT',
        message: 'attachments[0]: the file did not arrive within 0.3 seconds',
      })
      expect(readdirSync(folder)).to.deep.equal([])
    })

    it('ends all that is left when the time of all files is over, and keeps what is there', async () => {
      answer = (request, response) => (request.url === '/0' ? response.end(HELLO) : HANGING(request, response))
      const { capture } = capturing({ timeoutSeconds: 1.5, fileTimeoutSeconds: 60 })

      const results = await capture([link('/0'), link('/1'), link('/2'), link('/3')])

      expect(captured(results[0]).bytes).to.equal(16)
      for (const i of [1, 2, 3])
        expect(missingFile(results[i])).to.deep.equal({
          missing: 'ERR_ATTACHMENT_TIMEOUT',
          message: `attachments[${i}]: not all files arrived within 1.5 seconds`,
        })
      expect(readdirSync(folder)).to.deep.equal([captured(results[0]).id])
    })

    it('leaves two thirds of the time to a file, so that one that hangs does not take that of the others', async () => {
      answer = (request, response) => (request.url === '/0' ? HANGING(request, response) : response.end(HELLO))
      const { capture } = capturing({ timeoutSeconds: 1.5, concurrency: 1 })

      const results = await capture([link('/0'), link('/1')])

      expect(missingFile(results[0]).message).to.include('within 1 seconds')
      expect(captured(results[1]).bytes).to.equal(16)
    })
  })

  describe('beside others', () => {
    it('reads no more files at once than it may, for one submission and for all', async () => {
      const waiting: (() => void)[] = []
      let most = 0
      answer = (_request, response) => {
        most = Math.max(
          most,
          waiting.push(() => response.end(HELLO)),
        )
      }
      const { capture } = capturing({ concurrency: 2, inFlight: 3 })

      const captures = [0, 1, 2].map(() => capture([link('/0'), link('/1'), link('/2')]))
      for (let answered = 0; answered < 9; answered += 1) {
        // The first submission may read two, so that the third slot is the second's.
        await until(() => waiting.length === Math.min(3, 9 - answered))
        waiting.shift()?.()
      }

      expect((await Promise.all(captures)).flat().every(isCaptured)).to.equal(true)
      expect(most).to.equal(3)
      expect(host.requests).to.have.lengthOf(9)
    })

    it('reads no more than two files of one submission at once', async () => {
      const waiting: (() => void)[] = []
      answer = (_request, response) => void waiting.push(() => response.end(HELLO))

      const capture = capturing().capture([link('/0'), link('/1'), link('/2')])
      await until(() => waiting.length === 2)
      waiting.shift()?.()
      await until(() => host.requests.length === 3)
      for (const end of waiting) end()

      expect((await capture).every(isCaptured)).to.equal(true)
    })

    it('gives up waiting for its turn when its time is over, and the turn to the next', async () => {
      const waiting: (() => void)[] = []
      answer = (_request, response) => void waiting.push(() => response.end(HELLO))
      const { capture } = capturing({ inFlight: 1 })

      const first = capture([link('/0')])
      await until(() => waiting.length === 1)
      const second = capture([link('/1')], AbortSignal.timeout(100))
      const reason = await second.catch((error: unknown) => error)
      const never = await capture([link('/never')], AbortSignal.abort('stopped')).catch((error: unknown) => error)
      waiting.shift()?.()
      const third = capture([link('/2')])
      await until(() => waiting.length === 1)
      waiting.shift()?.()

      expect(reason).to.have.property('name', 'TimeoutError')
      expect(never).to.equal('stopped')
      expect([...(await first), ...(await third)].every(isCaptured)).to.equal(true)
      expect(host.requests.map(({ path }) => path)).to.deep.equal(['/0', '/2'])
    })
  })

  describe('into a store that fails', () => {
    it('fails as a whole, and leaves nothing of the other files', async () => {
      const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
      const store = folderStore(folder)
      let writes = 0
      const failing: FileStore = {
        ...store,
        remove: (ids) => store.remove(ids),
        async write(id, source) {
          writes += 1
          if (writes < 3) return await store.write(id, source)
          for await (const _ of source);
          throw full
        },
      }

      const error = await capturing({ store: failing, concurrency: 1 })
        .capture([link('/0'), link('/1'), link('/2'), link('/3')])
        .catch((error: unknown) => error)

      expect(error).to.deep.include({ code: 'ERR_STORE_UNAVAILABLE', cause: full })
      expect(readdirSync(folder)).to.deep.equal([])
      expect(host.requests).to.have.lengthOf(3)
    })

    it('does not wait for the other files', async () => {
      answer = (request, response) => void (request.url === '/1' && response.end(HELLO))
      const store = folderStore(folder)
      const failing: FileStore = { ...store, write: () => Promise.reject(new Error('the disk')) }

      const error = await capturing({ store: failing })
        .capture([link('/0'), link('/1')])
        .catch((error: unknown) => error)

      expect(error).to.have.property('code', 'ERR_STORE_UNAVAILABLE')
    }).timeout(5_000)

    it('ends in time when the store hangs, and removes what the store ends later', async () => {
      const store = folderStore(folder)
      let resume = () => {}
      const stuck = new Promise<void>((resolve) => {
        resume = resolve
      })
      const removed: string[] = []
      const hanging: FileStore = {
        ...store,
        async write(id, source) {
          await store.write(id, source)
          await stuck
        },
        async remove(ids) {
          await store.remove(ids)
          removed.push(...ids)
        },
      }

      const [file] = await capturing({ store: hanging, timeoutSeconds: 0.75 }).capture([link()])
      const held = readdirSync(folder)
      resume()
      await until(() => removed.length === 1)

      expect(missingFile(file).missing).to.equal('ERR_ATTACHMENT_TIMEOUT')
      expect(held).to.deep.equal(removed)
      expect(readdirSync(folder)).to.deep.equal([])
    })
  })

  it('ends with the reason of a signal that aborts, and leaves nothing', async () => {
    const controller = new AbortController()
    const reason = new Error('stopping')
    answer = (request, response) => {
      if (request.url === '/0') response.end(HELLO)
      else if (request.url === '/2') response.write(HELLO, () => controller.abort(reason))
    }
    const { capture } = capturing()

    const error = await capture([link('/0'), link('/1'), link('/2')], controller.signal).catch(
      (error: unknown) => error,
    )

    expect(error).to.equal(reason)
    expect(readdirSync(folder)).to.deep.equal([])
    const again = await capture([link('/0')], controller.signal).catch((error: unknown) => error)
    expect(again).to.equal(reason)
  })
})

/** A host that takes connections and never says a word. */
class SilentHost implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket))
      socket.resume()
    })
  }

  static async start(): Promise<SilentHost> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new SilentHost(server)
  }

  get port(): number {
    return portOf(this.#server)
  }

  /** Connections that are open. */
  get open(): number {
    return this.#sockets.size
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port')
  return address.port
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setTimeout(5)
}

function captured(file: CapturedFile | MissingFile | undefined): CapturedFile {
  if (file === undefined || !isCaptured(file)) throw new Error(`not captured: ${file?.message}`)
  return file
}

function missingFile(file: CapturedFile | MissingFile | undefined): MissingFile {
  if (file === undefined || isCaptured(file)) throw new Error('captured')
  return file
}
