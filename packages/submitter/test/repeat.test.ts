import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decryptCompact, parseKeyring } from '@formbuilder/adapter-sdk/protocol'
import { expect } from 'chai'
import { type SubmitOptions, submit } from '../src/index.ts'
import { inWords } from '../src/progress.ts'
import { type Certificate, makeCertificate } from './certificate.ts'
import { failure, outcome } from './outcome.ts'
import { json, Receiver, type Reply } from './receiver.ts'
import { runCommand } from './run-command.ts'

const KEY = 'Xk2fQ9wLs7TgBzR4'
const ID = '72c49803-e9c3-42ac-bde1-09c04595a2d3'
const OTHER = '00000000-0000-4000-8000-000000000002'
const SUBMISSION = {
  serviceSlug: 'complaint-form',
  submissionId: ID,
  submissionAnswers: { yourname_text_1: 'Ann Example' },
  attachments: [],
}
const ACCEPTED = json(201, { status: 'accepted' })
const COMMAND = [process.execPath, join(import.meta.dirname, '../bin/submitter.cjs')]

describe('the same submission again', () => {
  let certificate: Certificate
  let folder: string
  before(async () => {
    certificate = await makeCertificate()
    folder = mkdtempSync(join(tmpdir(), 'submitter-repeat-'))
    writeFileSync(join(folder, 'ca.pem'), certificate.cert)
    writeFileSync(join(folder, 'key.txt'), KEY, { mode: 0o600 })
    writeFileSync(join(folder, 'submission.json'), JSON.stringify(SUBMISSION))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const to = (receiver: Receiver, more: Partial<SubmitOptions> = {}): SubmitOptions => ({
    endpoint: receiver.url(),
    key: KEY,
    submission: SUBMISSION,
    allowLocal: true,
    ca: certificate.cert,
    ...more,
  })
  const args = (receiver: Receiver, ...more: string[]) => [
    ...['send', '--endpoint', receiver.url(), '--allow-local', '--ca-file', join(folder, 'ca.pem')],
    ...['--key-file', join(folder, 'key.txt'), ...more, join(folder, 'submission.json')],
  ]
  const refusing = (times: number, reply: Reply): Reply => {
    let left = times
    return (...all) => (left-- > 0 ? reply(...all) : ACCEPTED(...all))
  }

  describe('on the schedule of Form Builder', () => {
    it('is sent 25 times in 20 days, whatever the answer, and then given up', async () => {
      const replies = [json(503, {}), json(401, {}), json(422, {}), json(404, {})]
      let calls = 0
      await using receiver = await Receiver.start((...all) => replies[calls++ % 4]?.(...all), certificate)
      const waits: number[] = []

      const error = await failure(() =>
        submit(to(receiver, { repeat: true, wait: async (milliseconds) => waits.push(milliseconds / 1000) })),
      )

      expect([error.code, receiver.received.length]).to.deep.equal(['ERR_RECEIVER_REFUSED', 25])
      expect(waits.slice(0, 6)).to.deep.equal([6, 21, 86, 261, 630, 1301])
      expect([waits.length, Math.round(waits.reduce((sum, wait) => sum + wait) / 86_400)]).to.deep.equal([24, 20])
    })

    it('is sent again after no answer, and a certificate that is not trusted', async () => {
      await using receiver = await Receiver.start(ACCEPTED, certificate)
      let waits = 0

      const code = await outcome(() => submit(to(receiver, { ca: '', repeat: true, wait: async () => waits++ })))

      expect([code, waits]).to.deep.equal(['ERR_RECEIVER_UNREACHABLE', 24])
    })

    for (const [what, reply] of [
      ['accepted', ACCEPTED],
      ['a duplicate', json(200, { status: 'duplicate' })],
      ['unrecognised', json(299, 'fine')],
    ] as const)
      it(`ends at a 2xx that is ${what}`, async () => {
        let calls = 0
        await using receiver = await Receiver.start(
          (...all) => (++calls < 4 ? json(500, {})(...all) : reply(...all)),
          certificate,
        )

        expect(await submit(to(receiver, { repeat: true, wait: async () => {} }))).to.include({ attempts: 4 })
      })

    it('passes as many times faster as its speed says', async () => {
      await using receiver = await Receiver.start(refusing(3, json(500, {})), certificate)
      const waits: number[] = []

      await submit(to(receiver, { repeat: true, speed: 1000, wait: async (milliseconds) => waits.push(milliseconds) }))

      expect(waits).to.deep.equal([6, 21, 86])
    })

    it('carries fresh links in each delivery, added to the attachments of the submission', async () => {
      await using receiver = await Receiver.start(refusing(2, json(503, {})), certificate)
      const own = link('own')
      let made = 0

      await submit(
        to(receiver, {
          submission: { ...SUBMISSION, attachments: [own] },
          attachments: () => [link(`fresh-${++made}`)],
          repeat: true,
          wait: async () => {},
        }),
      )

      const urls = await Promise.all(receiver.received.map(async ({ body }) => urlsIn(body)))
      expect(urls).to.deep.equal([1, 2, 3].map((n) => [own.url, `https://files.example/fresh-${n}`]))
    })

    for (const [what, change] of [
      ['retries', { repeat: true, retries: 1 }],
      ['a speed of 0', { repeat: true, speed: 0 }],
      ['a speed of more than a million', { repeat: true, speed: 1_000_001 }],
    ] as const)
      it(`cannot have ${what}`, async () => {
        await using receiver = await Receiver.start(ACCEPTED, certificate)

        expect(await outcome(() => submit(to(receiver, change)))).to.equal('foreign RangeError')
        expect(receiver.received).to.deep.equal([])
      })
  })

  describe('under another id', () => {
    for (const [what, text] of [
      ['has one', JSON.stringify(SUBMISSION)],
      ['has none', JSON.stringify({ ...SUBMISSION, submissionId: undefined })],
      ['has none and a byte order mark', `\ufeff${JSON.stringify({ ...SUBMISSION, submissionId: undefined })}`],
    ] as const)
      it(`is sent from a file that ${what}`, async () => {
        await using receiver = await Receiver.start(ACCEPTED, certificate)

        const { submissionId } = await submit(to(receiver, { submission: text, submissionId: OTHER }))

        const sent = await opened(receiver.received[0]?.body ?? '')
        expect([submissionId, sent]).to.deep.equal([OTHER, { ...SUBMISSION, submissionId: OTHER }])
      })

    for (const [what, text, submissionId] of [
      ['is no JSON', 'Ann', OTHER],
      ['is a list', '[]', OTHER],
      ['is null', 'null', OTHER],
      ['is empty', '{}', OTHER],
      ['repeats a name', '{"serviceSlug":"s","submissionAnswers":{},"serviceSlug":"s"}', OTHER],
      [
        'repeats a name, and has an id',
        '{"submissionId":"i","serviceSlug":"s","submissionAnswers":{"a":1,"a":2}}',
        OTHER,
      ],
      ['is fine, and the id has a space', JSON.stringify(SUBMISSION), 'a b'],
      ['is fine, and the id is empty', JSON.stringify(SUBMISSION), ''],
    ] as const)
      it(`is refused if the file ${what}`, async () => {
        await using receiver = await Receiver.start(ACCEPTED, certificate)

        const code = await outcome(() => submit(to(receiver, { submission: text, submissionId })))

        expect([code, receiver.received]).to.deep.equal(['ERR_SUBMISSION_INVALID', []])
      })

    it('is refused if the bytes are no UTF-8', async () => {
      await using receiver = await Receiver.start(ACCEPTED, certificate)
      const submission = Buffer.from('{"serviceSlug":"\xff","submissionAnswers":{}}', 'latin1')

      expect(await outcome(() => submit(to(receiver, { submission, submissionId: OTHER })))).to.equal(
        'ERR_SUBMISSION_INVALID',
      )
    })
  })

  describe('from the command line', () => {
    it('is one plain line for each delivery in a pipe', async () => {
      await using receiver = await Receiver.start(refusing(2, json(503, { title: 'Busy' })), certificate)

      const { code, out, err } = await run(args(receiver, '--repeat', '--speed', '1000'))

      expect([code, out]).to.deep.equal([0, `accepted: the receiver has it (201, at attempt 3), submission ${ID}\n`])
      expect(err.split('\n').slice(4)).to.deep.equal([
        'repeating as Form Builder does: up to 25 deliveries in 20 days, until the answer is 2xx; Ctrl-C stops',
        'delivery 1 of 25: the receiver answered 503 (Busy); the next in 6 s at speed 1000: 0.01 s',
        'delivery 2 of 25: the receiver answered 503 (Busy); the next in 21 s at speed 1000: 0.02 s',
        '',
      ])
    })

    it('is given up after 25 deliveries, with the exit code of the last answer', async () => {
      await using receiver = await Receiver.start(json(401, { title: 'Unauthorized' }), certificate)

      const { code, out, err } = await runCommand(args(receiver, '--repeat', '--speed', '1000000', '--json'))

      expect([code, JSON.parse(out).code, receiver.received.length]).to.deep.equal([6, 'ERR_RECEIVER_REFUSED', 25])
      expect(err.trim().split('\n').at(-1)).to.equal(
        'delivery 25 of 25: the receiver answered 401 (Unauthorized); Form Builder gives up here',
      )
    })

    it('is a line that counts down on a terminal, and is gone afterwards', async () => {
      await using receiver = await Receiver.start(refusing(1, json(503, {})), certificate)

      const { code, out } = await run(
        ['-qec', terminal(args(receiver, '--repeat', '--speed', '4')), '/dev/null'],
        ['script'],
      )

      expect(code).to.equal(0)
      expect(out).to.contain('\r\u001b[Kdelivery 2 of 25: in 2 s\r\u001b[Kdelivery 2 of 25: in 1 s\r\u001b[K')
      expect(visible(out).at(-1)).to.equal(`accepted: the receiver has it (201, at attempt 2), submission ${ID}`)
    })

    it('under another id is sent with --submission-id', async () => {
      await using receiver = await Receiver.start(ACCEPTED, certificate)

      const { out } = await runCommand(args(receiver, '--submission-id', OTHER))

      expect(out).to.equal(`accepted: the receiver has it (201), submission ${OTHER}\n`)
    })

    for (const [more, said] of [
      [['--repeat', '--retry', '1'], 'error: --repeat and --retry cannot be combined'],
      [['--speed', '2'], 'error: --speed needs --repeat'],
      [['--repeat', '--speed', '0'], 'must be a whole number from 1 to 1000000'],
    ] as const)
      it(`is refused with ${more.join(' ')}`, async () => {
        await using receiver = await Receiver.start(ACCEPTED, certificate)

        const { code, err } = await runCommand(args(receiver, ...more))

        expect([code, receiver.received]).to.deep.equal([2, []])
        expect(err).to.contain(said)
      })

    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      it(`ends at ${signal} between two deliveries, and says what was not sent`, async () => {
        await using receiver = await Receiver.start(json(503, {}), certificate)

        const { code, err } = await run(
          args(receiver, '--repeat'),
          COMMAND,
          (child, text) => text.includes('the next in 6 s') && child.kill(signal),
        )

        expect(code).to.equal(130)
        expect(err.trim().split('\n').at(-1)).to.equal(
          'ERR_SENDING_STOPPED: stopped: 1 of 25 sent; 24 not sent; the receiver has not taken the submission; sending it again is safe',
        )
      })

    it('ends at Ctrl-C during a delivery, and says that it may have arrived', async () => {
      await using receiver = await Receiver.start(() => undefined, certificate)

      const { code, out } = await run(
        ['-qec', terminal(args(receiver, '--repeat')), '/dev/null'],
        ['script'],
        (child) => receiver.received.length > 0 && child.stdin?.write('\x03') === true,
      )

      expect(code).to.equal(130)
      expect(visible(out).at(-1)).to.equal(
        'ERR_SENDING_STOPPED: stopped: 1 of 25 sent; the last one was still without an answer; 24 not sent; the receiver may have the submission; sending it again is safe',
      )
    })

    it('ends at Ctrl-C when it is sent once, and says so as JSON too', async () => {
      await using receiver = await Receiver.start(() => undefined, certificate)

      const { code, out } = await run(
        args(receiver, '--json'),
        COMMAND,
        (child) => receiver.received.length > 0 && child.kill('SIGINT'),
      )

      expect([code, JSON.parse(out)]).to.deep.equal([
        130,
        {
          outcome: 'failed',
          code: 'ERR_SENDING_STOPPED',
          message:
            'stopped: 1 of 1 sent; the last one was still without an answer; the receiver may have the submission; sending it again is safe',
        },
      ])
    })
  })

  for (const [seconds, words] of [
    [0.006, '0.01 s'],
    [2.1, '2.1 s'],
    [6, '6 s'],
    [59.6, '1 min'],
    [86, '1 min 26 s'],
    [3600, '1 h'],
    [10_005, '2 h 46 min'],
    [90_000, '1 day 1 h'],
    [331_781, '3 days 20 h'],
  ] as const)
    it(`says ${seconds} seconds as ${words}`, () => {
      expect(inWords(seconds)).to.equal(words)
    })
})

const link = (name: string) => ({
  url: `https://files.example/${name}`,
  encryption_key: 'ofMQxgQk3e7aVp5NOZk8aXByEHl6a+7xI9+O4mrssos=',
  encryption_iv: 'ygxI/L47W0laWy8ie8fY9A==',
  mimetype: 'text/plain',
  filename: `${name}.txt`,
})

async function opened(jwe: string): Promise<Record<string, unknown>> {
  const { plaintext } = await decryptCompact(jwe, parseKeyring(KEY))
  return JSON.parse(Buffer.from(plaintext).toString())
}

async function urlsIn(jwe: string): Promise<string[]> {
  const { attachments } = (await opened(jwe)) as { attachments: { url: string }[] }
  return attachments.map(({ url }) => url)
}

/** A command line for a shell. */
function terminal(args: readonly string[]): string {
  return [...COMMAND, ...args].map((arg) => `'${arg}'`).join(' ')
}

/** What stays on a terminal, line by line. */
function visible(output: string): string[] {
  const lines = output.replaceAll('\r\n', '\n').trim().split('\n')
  return lines.map((line) => line.split('\u001b[K').at(-1)?.replaceAll('^C', '') ?? '')
}

/** Runs the command in a process of its own. */
async function run(
  args: readonly string[],
  command: readonly string[] = COMMAND,
  /** Called with all output so far until it returns true. */
  react: (child: ChildProcess, text: string) => boolean = () => true,
): Promise<{ code: number | null; out: string; err: string }> {
  const [program = '', ...first] = command
  const child = spawn(program, [...first, ...args], { stdio: 'pipe' })
  const all = { out: '', err: '' }
  let isDone = false
  for (const [name, stream] of [
    ['out', child.stdout],
    ['err', child.stderr],
  ] as const)
    stream.on('data', (chunk) => {
      all[name] += chunk
      if (!isDone) isDone = react(child, all[name])
    })
  const [code] = await once(child, 'close')
  return { code, ...all }
}
