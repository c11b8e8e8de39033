import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { promisify } from 'node:util'
import { decryptCompact, ERRORS, parseKeyring } from '@formbuilder/adapter-sdk/protocol'
import { expect } from 'chai'
import { EXIT_CODES } from '../src/exit-code.ts'
import { type Certificate, makeCertificate } from './certificate.ts'
import { json, Receiver, type Reply } from './receiver.ts'
import { runCommand as run } from './run-command.ts'

const KEY = 'Xk2fQ9wLs7TgBzR4'
const ID = '72c49803-e9c3-42ac-bde1-09c04595a2d3'
const SUBMISSION = JSON.stringify({
  serviceSlug: 'complaint-form',
  submissionId: ID,
  submissionAnswers: { yourname_text_1: 'Ann Example' },
  attachments: [
    {
      url: 'https://store.example/secret-link',
      encryption_key: 'ofMQxgQk3e7aVp5NOZk8aXByEHl6a+7xI9+O4mrssos=',
      encryption_iv: 'ygxI/L47W0laWy8ie8fY9A==',
    },
  ],
})
const SECRETS = [KEY, 'Ann', 'secret-link', 'ofMQxgQ', 'ygxI']
const ACCEPTED = json(201, { submissionId: ID, status: 'accepted' })

describe('the command submitter', () => {
  let folder: string
  let certificate: Certificate
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'submitter-'))
    certificate = await makeCertificate()
    write('ca.pem', certificate.cert)
    write('key.txt', KEY)
    write('submission.json', SUBMISSION)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const file = (name: string) => join(folder, name)
  const write = (name: string, content: string) => {
    writeFileSync(file(name), content, { mode: 0o600 })
    return file(name)
  }
  const start = (reply: Reply) => Receiver.start(reply, certificate)
  const local = (receiver: Receiver, keyFile = file('key.txt')) => [
    ...['--endpoint', receiver.url(), '--key-file', keyFile, '--allow-local', '--ca-file', file('ca.pem')],
  ]
  const ok = (receiver: Receiver) => [...local(receiver), file('submission.json')]

  describe('send', () => {
    it('sends the file, prints what the receiver answered and exits with 0', async () => {
      await using receiver = await start(ACCEPTED)

      const { code, out } = await run(['send', ...ok(receiver)])

      expect([code, out]).to.deep.equal([0, `accepted: the receiver has it (201), submission ${ID}\n`])
      const { plaintext } = await decryptCompact(receiver.received[0]?.body ?? '', parseKeyring(KEY))
      expect(Buffer.from(plaintext).toString()).to.equal(SUBMISSION)
    })

    for (const [what, bytes] of [
      ['a byte order mark', Buffer.from(`\ufeff${SUBMISSION}`)],
      ['UTF-16, as PowerShell writes it', Buffer.from(`\ufeff${SUBMISSION}`, 'utf16le')],
      ['UTF-16 of the other order', Buffer.from(`\ufeff${SUBMISSION}`, 'utf16le').swap16()],
      [
        'line ends of Windows',
        Buffer.from(`${JSON.stringify(JSON.parse(SUBMISSION), null, 2)}\n`.replaceAll('\n', '\r\n')),
      ],
    ] as const)
      it(`reads a file with ${what}, and sends it without`, async () => {
        await using receiver = await start(ACCEPTED)
        writeFileSync(file('marked.json'), bytes)

        const { code } = await run(['send', ...local(receiver), file('marked.json')])

        const { plaintext } = await decryptCompact(receiver.received[0]?.body ?? '', parseKeyring(KEY))
        expect([code, Buffer.from(plaintext).toString()]).to.deep.equal([0, SUBMISSION])
      })

    it('reads a key and a certificate authority with a byte order mark', async () => {
      await using receiver = await start(ACCEPTED)
      const [key, ca] = [write('marked-key.txt', `\ufeff${KEY}\r\n`), write('marked.pem', `\ufeff${certificate.cert}`)]

      const { code } = await run([
        ...['send', '--endpoint', receiver.url(), '--key-file', key],
        ...['--allow-local', '--ca-file', ca, file('submission.json')],
      ])

      expect(code).to.equal(0)
    })

    for (const [what, content, problem] of [
      ['nothing', '', /has no certificate in PEM/],
      ['a key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', /has no certificate in PEM/],
      ['half a certificate', '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n', /does not parse/],
    ] as const)
      it(`names the file of authorities when it has ${what}`, async () => {
        await using receiver = await start(ACCEPTED)

        const { code, err } = await run([
          ...['send', '--endpoint', receiver.url(), '--key-file', file('key.txt')],
          ...['--allow-local', '--ca-file', write('wrong.pem', content), file('submission.json')],
        ])

        expect([code, receiver.received]).to.deep.equal([2, []])
        expect(err).to.match(problem).and.include('wrong.pem')
      })

    it('reads standard input when the file is -', async () => {
      await using receiver = await start(json(200, { status: 'duplicate' }))

      const { code, out } = await run(['send', ...local(receiver), '-'], SUBMISSION)

      expect([code, out]).to.deep.equal([0, `duplicate: the receiver already had it (200), submission ${ID}\n`])
    })

    it('prints one line of JSON with --json', async () => {
      await using receiver = await start(ACCEPTED)

      const { out } = await run(['send', '--json', ...ok(receiver)])

      expect(JSON.parse(out)).to.deep.equal({ outcome: 'accepted', status: 201, submissionId: ID, attempts: 1 })
      expect(out.trim().split('\n')).to.have.length(1)
    })

    it('warns loudly of --allow-local', async () => {
      await using receiver = await start(ACCEPTED)

      expect((await run(['send', ...ok(receiver)])).err).to.contain(
        '*** WARNING: --allow-local is for development only. ***',
      )
    })

    it('tries again with --retry, and says so', async () => {
      let calls = 0
      await using receiver = await start((...all) =>
        ++calls < 3 ? json(503, { title: 'Busy' }, { 'Retry-After': '0' })(...all) : ACCEPTED(...all),
      )

      const { code, out, err } = await run(['send', '--retry', '2', ...ok(receiver)])

      expect([code, out]).to.deep.equal([0, `accepted: the receiver has it (201, at attempt 3), submission ${ID}\n`])
      expect(err).to.contain('attempt 2: the receiver answered 503 (Busy); trying again in 0 s\n')
    })

    it('fails when a proxy answers 200 in place of the receiver', async () => {
      await using receiver = await start((_received, response) =>
        response.writeHead(200, { 'Content-Type': 'text/plain' }).end('upstream connect error'),
      )

      const { code, out, err } = await run(['send', ...ok(receiver)])

      expect([code, out]).to.deep.equal([6, ''])
      expect(err).to.contain('the receiver answered 200, but not that it has the submission')
    })

    it('says what it is waiting for after a second', async () => {
      const stderr = new PassThrough()
      await using receiver = await start(async (...all) => {
        for await (const chunk of stderr) if (String(chunk).includes('waiting for the receiver, 1 s ...')) break
        ACCEPTED(...all)
      })

      expect((await run(['send', ...ok(receiver)], '', stderr)).code).to.equal(0)
    })

    for (const [reply, code, said] of [
      [
        json(422, { title: 'Unprocessable', detail: 'serviceSlug is not one of this form' }),
        6,
        'ERR_RECEIVER_REFUSED: the receiver answered 422 (Unprocessable: serviceSlug is not one of this form)',
      ],
      [json(401, { title: 'Unauthorized' }), 6, 'ERR_RECEIVER_REFUSED: the receiver answered 401 (Unauthorized)'],
      [
        (_r, _s, request) => request.socket.destroy(),
        7,
        'ERR_RECEIVER_UNREACHABLE: no answer from the receiver (ECONNRESET)',
      ],
    ] as [Reply, number, string][])
      it(`exits with ${code}: ${said}`, async () => {
        await using receiver = await start(reply)

        const { code: ended, out, err } = await run(['send', ...ok(receiver)])

        expect([ended, out]).to.deep.equal([code, ''])
        expect(err.trim().split('\n').at(-1)).to.equal(said)
      })

    it('prints a failure as JSON too', async () => {
      await using receiver = await start(json(503, { title: 'Busy' }))

      const { code, out } = await run(['send', '--json', ...ok(receiver)])

      expect([code, JSON.parse(out)]).to.deep.equal([
        6,
        { outcome: 'failed', code: 'ERR_RECEIVER_REFUSED', message: 'the receiver answered 503 (Busy)', status: 503 },
      ])
    })

    it('refuses an endpoint that is not on gov.uk with 3', async () => {
      const { code, err } = await run([
        ...[
          'send',
          '--endpoint',
          'https://example.com/v2/complaint',
          '--key-file',
          file('key.txt'),
          file('submission.json'),
        ],
      ])

      expect([code, err]).to.deep.equal([
        3,
        'ERR_ENDPOINT_REFUSED: the endpoint is not on gov.uk or a subdomain of it\n',
      ])
    })

    it('refuses an invalid submission with 5, and does not quote it', async () => {
      await using receiver = await start(ACCEPTED)

      const { code, err } = await run(['send', ...local(receiver), '-'], SUBMISSION.replace('"submissionId"', '"id"'))

      expect(code).to.equal(5)
      expect(err.trim().split('\n').at(-1)).to.equal('ERR_SUBMISSION_INVALID: submissionId is missing')
      expect(receiver.received).to.deep.equal([])
    })

    for (const [what, args, said] of [
      ['no endpoint', ['send', 'x'], "required option '--endpoint <url>' not specified"],
      ['an unknown option', ['keygen', '--verbose'], "unknown option '--verbose'"],
      ['an unknown command', ['receive'], "unknown command 'receive'"],
      ['a time in words', ['send', '--timeout-seconds', 'soon'], 'must be a whole number from 1 to 600'],
      ['too much time', ['send', '--timeout-seconds', '601'], 'must be a whole number from 1 to 600'],
      ['too many retries', ['send', '--retry', '26'], 'must be a whole number from 0 to 25'],
      ['a key of 24 characters', ['keygen', '--length', '24'], 'Allowed choices are 16, 32'],
    ] as const)
      it(`exits with 2 for ${what}`, async () => {
        const { code, err } = await run([...args])

        expect(code).to.equal(2)
        expect(err).to.contain(said)
      })

    it('exits with 2 for a missing file, and names it', async () => {
      await using receiver = await start(ACCEPTED)

      const missing = await run(['send', ...local(receiver), file('none.json')])
      const noKey = await run(['send', ...local(receiver, file('none.txt')), file('submission.json')])

      expect([missing.code, noKey.code]).to.deep.equal([2, 2])
      expect(missing.err).to.contain(`error: the file ${file('none.json')} cannot be opened (ENOENT)`)
      expect(noKey.err).to.contain(`error: the file ${file('none.txt')} cannot be opened (ENOENT)`)
    })

    it('accepts --ca-file only with --allow-local', async () => {
      const { code, err } = await run([
        ...['send', '--endpoint', 'https://x.gov.uk/', '--ca-file', file('ca.pem'), '--key-file', file('key.txt'), '-'],
      ])

      expect([code, err]).to.deep.equal([2, 'error: --ca-file needs --allow-local\n'])
    })
  })

  describe('the key file', () => {
    for (const [what, content] of [
      ['nothing after the key', KEY],
      ['a line break after the key', `${KEY}\n`],
      ['a line break of Windows after the key', `${KEY}\r\n`],
    ] as const)
      it(`may have ${what}`, async () => {
        await using receiver = await start(ACCEPTED)

        expect(
          (await run(['send', ...local(receiver, write('other.txt', content)), file('submission.json')])).code,
        ).to.equal(0)
      })

    for (const [what, content, said] of [
      ['nothing', '', 'the current key is empty'],
      ['two line breaks', `${KEY}\n\n`, 'the current key begins or ends with white space (17 characters with it)'],
      ['a space before the key', ` ${KEY}`, 'the current key begins or ends with white space (17 characters with it)'],
      ['two keys', `${KEY}\n${KEY}\n`, 'the current key has a character at position 17 that is not visible ASCII'],
      ['a name', `JWE_SHARED_KEY=${KEY}`, 'the current key is 31 characters long, not 16 or 32'],
      ['a picture', '\u0089PNG'.repeat(100), 'the key file is too long to be a key'],
    ] as const)
      it(`may not have ${what}`, async () => {
        await using receiver = await start(ACCEPTED)

        const { code, err } = await run([
          'send',
          ...local(receiver, write('other.txt', content)),
          file('submission.json'),
        ])

        expect(code).to.equal(4)
        expect(err.trim().split('\n').at(-1)).to.equal(`ERR_KEY_INVALID: ${said}`)
        expect(receiver.received).to.deep.equal([])
      })

    it('causes a warning when other users can read it', async () => {
      await using receiver = await start(ACCEPTED)
      chmodSync(write('open.txt', KEY), 0o644)

      const { code, err } = await run(['send', ...local(receiver, file('open.txt')), file('submission.json')])

      expect(code).to.equal(0)
      expect(err).to.contain('warning: other users of this machine can read the key file; run chmod 600 on it\n')
    })

    it('causes a warning when the key is weak', async () => {
      await using receiver = await start(ACCEPTED)

      const { err } = await run([
        'send',
        ...local(receiver, write('weak.txt', '5d6dc7fc083ea4f0')),
        file('submission.json'),
      ])

      expect(err).to.contain('warning: the key is 16 hexadecimal characters, which carry only 64 bits')
    })

    it('causes no warning when nothing is wrong', async () => {
      await using receiver = await start(ACCEPTED)

      expect((await run(['send', ...ok(receiver)])).err).not.to.contain('warning:')
    })
  })

  describe('verify', () => {
    it('exits with 8 when the endpoint does not have the key', async () => {
      await using receiver = await start(json(401, { title: 'Unauthorized' }))

      const { code, err } = await run(['verify', ...local(receiver)])

      expect(code).to.equal(8)
      expect(err).to.contain(
        'ERR_ENDPOINT_UNPROVEN: the receiver answered 401 (Unauthorized): it does not have this key\n',
      )
    })
  })

  describe('keygen', () => {
    for (const [args, length] of [
      [[], 16],
      [['--length', '16'], 16],
      [['--length', '32'], 32],
    ] as const)
      it(`prints a key of ${length} characters for ${args.join(' ') || 'no option'}`, async () => {
        const { code, out } = await run(['keygen', ...args])

        expect(code).to.equal(0)
        expect(out).to.match(new RegExp(`^[A-Za-z0-9]{${length}}\n$`))
      })

    it('writes the key to a new file that only its owner can read, and does not print it', async () => {
      const path = file('made.txt')

      const { code, out, err } = await run(['keygen', '--out', path])

      const key = readFileSync(path, 'utf8')
      expect(code).to.equal(0)
      expect(key).to.match(/^[A-Za-z0-9]{16}$/)
      expect(statSync(path).mode & 0o777).to.equal(0o600)
      expect(out + err).not.to.contain(key)
      expect(out).to.equal(`16 characters, 95 bits, written to ${path}\n`)
    })

    it('never overwrites a file', async () => {
      const path = write('kept.txt', 'kept')

      const { code, err } = await run(['keygen', '--out', path])

      expect([code, err]).to.deep.equal([2, `error: the file ${path} already exists and is not overwritten\n`])
      expect(readFileSync(path, 'utf8')).to.equal('kept')
    })

    it('prints JSON with --json', async () => {
      const { out } = await run(['keygen', '--json', '--length', '32', '--out', file('long.txt')])

      expect(JSON.parse(out)).to.deep.equal({ length: 32, bits: 190, file: file('long.txt') })
    })
  })

  describe('keycheck', () => {
    it('finds no problem with a key from keygen', async () => {
      await run(['keygen', '--out', file('fresh.txt')])

      expect(await run(['keycheck', '--key-file', file('fresh.txt')])).to.deep.equal({
        code: 0,
        out: 'no problem found with the key\n',
        err: '',
      })
    })

    it('names the problem of a weak key, never the key', async () => {
      const { code, out, err } = await run(['keycheck', '--key-file', write('weak.txt', 'aaaaaaaaaaaaaaaa')])

      expect(code).to.equal(4)
      expect(out + err).to.equal(
        'ERR_KEY_INVALID: the key is a shorter text repeated; make a new one with: npx @formbuilder/submitter keygen\n',
      )
    })
  })

  it('prints no key, answer or link, whatever happens', async () => {
    const replies: Reply[] = [
      ACCEPTED,
      json(500, {}),
      (_r, _s, request) => request.socket.destroy(),
      (_r, response) => response.end('nonsense'),
    ]
    for (const reply of replies)
      for (const command of [['send'], ['verify'], ['send', '--json'], ['verify', '--json']]) {
        await using receiver = await start(reply)
        const files = command[0] === 'send' ? [file('submission.json')] : []

        const { out, err } = await run([...command, ...local(receiver), ...files])

        for (const secret of SECRETS) expect(out + err).not.to.contain(secret)
      }
  })

  it('prints nothing of an input that it cannot parse', async () => {
    await using receiver = await start(ACCEPTED)

    for (const input of [`{"a": ${KEY} Ann`, '{"Ann":1,"Ann":2}', '"Ann\\ud800"']) {
      const { code, out, err } = await run(['send', ...local(receiver), '-'], input)

      expect(code).to.equal(5)
      for (const secret of SECRETS) expect(out + err).not.to.contain(secret)
    }
  })

  it('has help that lists commands, examples and exit codes', async () => {
    const { code, out } = await run(['--help'])
    const send = await run(['send', '--help'])

    expect([code, send.code]).to.deep.equal([0, 0])
    for (const command of ['send', 'verify', 'keygen', 'keycheck']) expect(out).to.contain(`  ${command} `)
    for (const exit of Object.values(EXIT_CODES)) expect(out).to.match(new RegExp(`^  ${exit}  `, 'm'))
    expect(send.out).to.contain('Examples:\n  npx @formbuilder/submitter send --endpoint https://')
  })

  it('has a separate exit code for every error of the submitter', () => {
    const ours = Object.entries(ERRORS).filter(([, { meaning }]) => meaning.startsWith('Submitter:'))

    for (const [code] of ours) expect(EXIT_CODES).to.have.property(code)
    expect(new Set(Object.values(EXIT_CODES)).size).to.equal(Object.keys(EXIT_CODES).length)
  })

  it('can be started as a program', async () => {
    await using receiver = await start(ACCEPTED)
    const bin = join(import.meta.dirname, '../bin/submitter.cjs')

    const sent = await promisify(execFile)(process.execPath, [bin, 'send', ...ok(receiver)])
    const failed = await promisify(execFile)(process.execPath, [bin, 'send', ...ok(receiver), '--nonsense']).catch(
      (error) => error,
    )

    expect(sent.stdout).to.equal(`accepted: the receiver has it (201), submission ${ID}\n`)
    expect(failed.code).to.equal(2)
  })

  it('verifies certificates, even if the environment turns that off', async () => {
    await using receiver = await start(ACCEPTED)
    const bin = join(import.meta.dirname, '../bin/submitter.cjs')
    const untrusting = ok(receiver).filter((arg) => arg !== '--ca-file' && arg !== file('ca.pem'))

    const failed = await promisify(execFile)(process.execPath, [bin, 'send', ...untrusting], {
      env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' },
    }).catch((error) => error)

    expect(failed.code).to.equal(7)
    expect(failed.stderr).to.contain('the certificate of the receiver is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT)')
    expect(receiver.received).to.deep.equal([])
  })
})
