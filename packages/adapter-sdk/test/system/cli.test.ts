import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostname, tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { createAdapter } from '../../src/adapter.ts'
import { runCommand } from '../../src/cli.ts'
import { AdapterError, PermanentError, UncertainError } from '../../src/errors.ts'
import { encryptCompact } from '../../src/protocol/jwe.ts'
import { type Key, parseKeyring } from '../../src/protocol/keyring.ts'
import type { RunningAdapter } from '../../src/start.ts'
import type { DetailedEntry, Entry } from '../../src/store/entry.ts'
import { type DevelopmentCertificate, makeDevelopmentCertificate } from '../../src/testing/index.ts'
import { ask } from '../../src/testing/sender.ts'
import { run } from '../run-command.ts'
import { sharedPostgres } from '../shared-postgres.ts'
import { incoming } from '../submissions.ts'
import { until } from '../until.ts'

const KEY = 'k7Wq2mZx9LtR4vBn'
const BIN = resolve(import.meta.dirname, '../../bin/adapter.cjs')
const CITIZEN = 'Jarndyce'

let certificate: DevelopmentCertificate
before(async () => {
  certificate = await makeDevelopmentCertificate(90)
})

for (const kind of ['sqlite', 'postgres'] as const) {
  describe(`the command line, on ${kind}`, () => {
    let folder: string
    let place: { [name: string]: string }
    let running: RunningAdapter
    let outcome: () => Promise<{ reference: string }>

    const start = (
      where = place,
      form: Parameters<typeof createAdapter>[0]['forms'][string] = {
        path: '/v2/complaint',
        repeatable: 'until-acting',
        settleSeconds: 3,
        handle: () => outcome(),
      },
    ) =>
      createAdapter({ forms: { complaint: form } }).start({
        environment: {
          ...where,
          PORT: '0',
          LISTEN_HOST: '127.0.0.1',
          TLS_CERT_FILE: join(folder, 'cert.pem'),
          TLS_KEY_FILE: join(folder, 'key.pem'),
          JWE_SHARED_KEY: KEY,
          LOG_LEVEL: 'silent',
        },
        ownsProcess: false,
      })
    /** The adapter that runs instead of the one before. */
    const again = async (next: Promise<RunningAdapter>) => {
      const [started] = [await next]
      await running.stop()
      return started
    }
    const send = async () => {
      const submissionId = crypto.randomUUID()
      const payload = { serviceSlug: 'test-form', submissionId, submissionAnswers: { name: CITIZEN }, attachments: [] }
      const body = await encryptCompact(JSON.stringify(payload), parseKeyring(KEY).keys[0] as Key)
      await ask({ port: running.port, ca: certificate.cert }, 'POST', '/v2/complaint', { body })
      return submissionId
    }
    const ended = (id: string) =>
      until(async () => !['waiting', 'running'].includes((await running.ledger.show(id)).state))
    const sendAs = async (how: typeof outcome) => {
      outcome = how
      const id = await send()
      await ended(id)
      return id
    }
    const permanent = () => Promise.reject(new PermanentError('there is no team for this court'))
    const uncertain = () => Promise.reject(new UncertainError('there was no answer'))
    const works = () => Promise.resolve({ reference: '492233' })

    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'cli-test-'))
      const deep = join(folder, 'a-folder-with-a-name'.repeat(3), 'b'.repeat(60))
      mkdirSync(deep, { recursive: true })
      writeFileSync(join(folder, 'cert.pem'), certificate.cert)
      writeFileSync(join(folder, 'key.pem'), certificate.key)
      place = kind === 'sqlite' ? { DATA_DIR: deep } : { DATABASE_URL: await (await sharedPostgres()).database() }
      running = await start()
    })
    after(async () => {
      await running.stop()
      rmSync(folder, { recursive: true, force: true })
    })

    it('lists the submissions of a running adapter, one a line', async () => {
      const done = await sendAs(works)
      const dead = await sendAs(permanent)

      const { code, out } = await run(['submissions'], place)

      expect(code).to.equal(0)
      expect(out.split('\n')[0]).to.match(/^SUBMISSION +FORM +STATE +ATTEMPTS +RECEIVED +REFERENCE +CODE$/)
      expect(out).to.match(new RegExp(`${done} +complaint +delivered +1 +[-0-9: ]{16} +492233 +-`))
      expect(out).to.match(new RegExp(`${dead} +complaint +dead +1 +[-0-9: ]{16} +- +ERR_HANDLER_PERMANENT`))
    })

    it('counts submissions by state, and shows what is with its sender because of its files', async () => {
      await sendAs(permanent)
      const failed = {
        form: 'complaint',
        submissionId: 'abc-1',
        host: '*.files.example',
        code: 'ERR_ATTACHMENT_STATUS',
      }
      const before = await run(['stats'], place)
      await running.store.countFailedDelivery(failed)
      await running.store.countFailedDelivery({ ...failed, submissionId: 'abc-2' })
      await running.store.countFailedDelivery({ ...failed, submissionId: 'abc-3', host: null })
      const { code, out } = await run(['stats'], place)
      const json = JSON.parse((await run(['stats', '--json'], place)).out)
      const { dead } = await running.ledger.counts()
      for (const submissionId of ['abc-1', 'abc-2', 'abc-3']) await running.store.accept([incoming({ submissionId })])

      expect([before.code, code]).to.deep.equal([0, 0])
      expect(before.out).not.to.contain('cannot be fetched')
      expect(out).to.match(new RegExp(`^dead +${dead}$`, 'm'))
      expect(out).to.match(
        /^3 submissions are with their sender because their files cannot be fetched, since [-0-9]{10} [0-9:]{8} UTC$/m,
      )
      expect(out).to.match(/^\*\.files\.example +ERR_ATTACHMENT_STATUS +2 +[-0-9]{10} [0-9:]{8} UTC +abc-1 abc-2$/m)
      expect(out).to.match(/^not in ATTACHMENT_HOSTS +ERR_ATTACHMENT_STATUS +1 /m)
      expect(json).to.include({ dead })
      expect(json.waitingForFiles[0]).to.include({ host: '*.files.example', code: failed.code, count: 2 })
      expect(json.waitingForFiles[0].submissionIds).to.deep.equal(['abc-1', 'abc-2'])
    })

    it('lists submissions by state, form and code, as JSON', async () => {
      const dead = await sendAs(permanent)

      const listed = async (...filter: string[]) =>
        (JSON.parse((await run(['submissions', '--json', ...filter], place)).out) as Entry[]).map(
          (entry) => entry.submissionId,
        )

      expect(await listed('--state', 'dead', '--code', 'ERR_HANDLER_PERMANENT', '--limit', '1')).to.deep.equal([dead])
      expect(await listed('--state', 'delivered')).to.not.include(dead)
      expect(
        await listed('--form', 'complaint', '--code', 'ERR_OUTCOME_UNCERTAIN', '--state', 'running'),
      ).to.deep.equal([])
    })

    for (const [argv, says] of [
      [['submissions', '--form', 'complain'], /no form "complain"; known forms: complaint$/],
      [
        ['submissions', '--code', 'ERR_HANDLER_PERMANANT'],
        /no code "ERR_HANDLER_PERMANANT"; known codes: .*ERR_HANDLER_PERMANENT/,
      ],
      [['redrive', '--code', 'ERR_HANDLER_PERMANANT'], /no code "ERR_HANDLER_PERMANANT"; known codes: /],
      [['redrive', '--all', '--form', 'complain', '--dry-run'], /no form "complain"; known forms: complaint$/],
      [['retry-now', '--all', '--form', 'complain'], /no form "complain"; known forms: complaint$/],
      [
        ['discard', '--code', 'x\u001b[31m', '--reason', 'r', '--yes', '--expect', '0'],
        /no code "x\\?\S* ?\[31m"; known codes/,
      ],
    ] as const)
      it(`refuses a form or code that nothing has: ${argv.join(' ')}`, async () => {
        await sendAs(permanent)

        const { code, error, out } = await run(argv, place)

        expect([code, out]).to.deep.equal([2, ''])
        expect(error).to.match(says)
      })

    it('redrives uncertain ones of a form that asks first, as a command that does not have the form', async () => {
      const own =
        kind === 'sqlite'
          ? { DATA_DIR: join(folder, 'asking') }
          : { DATABASE_URL: await (await sharedPostgres()).database() }
      const calls: string[] = []
      const handle = async () => {
        calls.push('handle')
        throw new UncertainError('there was no answer')
      }
      const confirm = async () => {
        calls.push('confirm')
        return { reference: 'CASE-7' }
      }
      const form = { path: '/v2/complaint', repeatable: 'until-acting', settleSeconds: 1, handle } as const
      running = await again(start(own, form))
      const id = await send()
      await ended(id)
      const before = await run(['redrive', '--all'], own)
      running = await again(start(own, { ...form, confirm }))

      const after = await run(['redrive', '--all'], own)
      await until(async () => (await running.ledger.show(id)).state === 'delivered')
      const entry = await running.ledger.show(id)
      running = await again(start())

      expect([before.code, before.out.split('\n')[0]]).to.deep.equal([7, '0 submissions redriven'])
      expect([after.code, after.out.split('\n')[0]]).to.deep.equal([0, '1 submission redriven'])
      expect([calls, entry.reference]).to.deep.equal([['handle', 'confirm'], 'CASE-7'])
    })

    it('knows the code of what was redriven and delivered since: a repeated command matches none', async () => {
      const id = await sendAs(() => Promise.reject(new PermanentError('no team', { code: 'ERR_TEAM_GONE' })))
      outcome = works
      await run(['redrive', id], place)
      await until(async () => (await running.ledger.show(id)).state === 'delivered')

      const { code, out } = await run(['redrive', '--code', 'ERR_TEAM_GONE', '--form', 'complaint'], place)

      expect([code, out]).to.deep.equal([0, 'no submissions match'])
    })

    it('leaves out what has changed since it was shown, by its revision', async () => {
      const id = await sendAs(permanent)
      const { revision } = JSON.parse((await run(['show', id, '--json'], place)).out) as DetailedEntry
      const advice = (await run(['show', id], place)).out

      const other = await run(['redrive', id, '--revision', String(revision - 1), '--json'], place)
      const dry = await run(['discard', id, '--revision', '0', '--dry-run', '--reason', 'x'], place)
      const still = await running.ledger.show(id)
      const same = await run(['discard', id, '--revision', String(revision), '--reason', 'case 9'], place)

      expect(advice).to.match(new RegExp(`^revision +${revision}$`, 'm'))
      expect(advice).to.include(`npx @formbuilder/adapter-sdk redrive ${id} --revision ${revision}`)
      expect([other.code, dry.code, same.code]).to.deep.equal([7, 7, 0])
      expect(JSON.parse(other.out)).to.deep.include({ redriven: 0, leftOut: { uncertain: 0, changed: 1 } })
      expect(dry.out).to.include('1 left out: changed since shown')
      expect(still.state).to.equal('dead')
      expect((await run(['redrive', '--all', '--revision', '1'], place)).code).to.equal(2)
    })

    it('shows a submission with its history and advice, uncertain or not', async () => {
      const [plain, doubtful] = [await sendAs(permanent), await sendAs(uncertain)]

      const [first, second] = [await run(['show', plain], place), await run(['show', doubtful], place)]

      expect(first.out).to.match(/^reason +there is no team for this court$/m)
      expect(first.out).to.match(
        /^[-0-9]{10} [0-9:]{8} UTC +attempt dead \(1\) +ERR_HANDLER_PERMANENT: there is no team/m,
      )
      expect(first.out).to.include(`npx @formbuilder/adapter-sdk redrive ${plain} --revision `)
      expect(second.out).to.match(/^state +dead, uncertain$/m)
      expect(second.out).to.include('Search for it there first')
    })

    it('shows the line, the cause and the status of an error, and none of its words, as a program of its own', async () => {
      const cause = Object.assign(new Error(CITIZEN), { code: 'ECONNREFUSED', status: 503 })
      const error = new TypeError(`no team for ${CITIZEN}`, { cause })
      const id = await sendAs(() => Promise.reject(new PermanentError('no team', { status: 422, cause: error })))

      const [text, json] = [
        ['show', id],
        ['show', id, '--json'],
      ].map((argv) =>
        execFileSync(process.execPath, [BIN, ...argv], { env: { ...process.env, ...place }, encoding: 'utf8' }),
      ) as [string, string]
      const entry = JSON.parse(json) as DetailedEntry

      for (const seen of [text, entry.reason ?? '', entry.timeline.at(-1)?.reason ?? ''])
        expect(seen).to.match(
          /no team \(HTTP 422; caused by TypeError, at \S*test\/system\/cli\.test\.ts:\d+.*; caused by Error ECONNREFUSED, HTTP 503, at \S*test\/system\/cli/,
        )
      expect(text + json).not.to.contain(CITIZEN)
      expect(text).to.contain('No attempt has reported a case.')
    })

    it('redrives one dead letter, and records who did it', async () => {
      const id = await sendAs(permanent)
      outcome = works

      const { code, out } = await run(['redrive', id], place)
      await ended(id)
      const entry = JSON.parse((await run(['show', id, '--json'], place)).out) as DetailedEntry

      expect([code, out]).to.deep.equal([0, '1 submission redriven'])
      expect(entry).to.include({ state: 'delivered', attempts: 2 })
      expect(entry.timeline.find(({ what }) => what === 'redriven')).to.include({
        by: `${userInfo().username}@${hostname()}`,
      })
    })

    /** Ends every dead letter, so that a bulk action meets only those of its test. */
    const clear = async () => {
      const dead = await running.ledger.list({ state: 'dead', limit: 1000 })
      for (const { id } of dead) await running.ledger.discard({ id }, 'a test', 'cleared')
    }
    const counted = async () => {
      const [dead, all] = [await running.store.count({ state: 'dead' }), await running.store.count({})]
      return { dead, others: all - dead }
    }

    for (const choice of [['--all'], ['--code', 'ERR_OUTCOME_UNCERTAIN']])
      it(`leaves uncertain ones out of redrive ${choice[0]}, says how many, and exits with 7`, async () => {
        await clear()
        for (let i = 0; i < 4; i++) await sendAs(uncertain)
        outcome = works
        const before = await counted()

        const text = await run(['redrive', ...choice], place)
        const json = await run(['redrive', ...choice, '--json'], place)

        expect([text.code, json.code]).to.deep.equal([7, 7])
        expect(text.out).to.match(/^0 submissions redriven\n4 left out: uncertain/)
        expect(JSON.parse(json.out)).to.deep.include({ redriven: 0, leftOut: { uncertain: 4, changed: 0 } })
        expect(await counted()).to.deep.equal(before)
      })

    it('redrives uncertain ones that are asked for by name, on record with reason and person', async () => {
      await clear()
      const ids = [await sendAs(uncertain), await sendAs(uncertain)]
      outcome = works
      const asked = ['redrive', '--all', '--include-uncertain']
      const refused = [
        await run(asked, place),
        await run([...asked, '--reason', 'x'], place),
        await run([...asked, '--reason', 'x', '--yes'], place),
        await run([...asked, '--reason', 'x', '--yes', '--expect', '3'], place),
        await run(['redrive', ids[0] as string], place),
      ]
      const still = await counted()

      const done = await run([...asked, '--reason', 'not\u0007 there', '--yes', '--expect', '2', '--by', 'ada'], place)
      await Promise.all(ids.map(ended))
      const { timeline } = await running.ledger.show(ids[0] as string)

      expect(refused.map(({ code }) => code)).to.deep.equal([2, 2, 2, 8, 2])
      expect(still.dead).to.equal(2)
      expect(done.code).to.equal(0)
      expect(done.out).to.match(/^2 submissions redriven\n2 uncertain: the case system is not asked before 20/)
      expect(timeline.find(({ what }) => what === 'redriven')).to.include({ by: 'ada', reason: 'not  there' })
    })

    it('discards a group only with its count where nobody can be asked, and asks at a terminal', async () => {
      await clear()
      for (let i = 0; i < 3; i++) await sendAs(permanent)
      const discard = ['discard', '--code', 'ERR_HANDLER_PERMANENT', '--reason', 'by hand']
      const questions: string[] = []
      const answer = (text: string) => async (question: string) => {
        questions.push(question)
        return text
      }

      const alone = await run(discard, place)
      const other = await run([...discard, '--yes', '--expect', '1219'], place)
      const listed = await run([...discard, '--dry-run'], place)
      const no = await run(discard, place, { ask: answer('') })
      const still = await counted()
      const yes = await run(discard, place, { ask: answer('y') })
      const none = await run([...discard, '--yes', '--expect', '0'], place)

      expect([alone.code, other.code, listed.code, no.code, yes.code, none.code]).to.deep.equal([2, 8, 0, 8, 0, 0])
      expect(still.dead).to.equal(3)
      expect(listed.out).to.match(/3 submissions would be discarded \(--expect 3\)/)
      expect(questions).to.deep.equal(['Discard 3 submissions? [y/N] ', 'Discard 3 submissions? [y/N] '])
      expect(no.error).to.match(/Answers and files are erased 7 days after the discard.*The record .* 35 days after/)
      expect(yes.out).to.equal('3 submissions discarded')
      expect(none.out).to.equal('no submissions match')
    })

    it('has a different exit code for each kind of failure', async () => {
      const done = await sendAs(works)

      expect((await run(['show', crypto.randomUUID()], place)).code).to.equal(3)
      expect((await run(['redrive', done], place)).code).to.equal(4)
      expect((await run(['discard', done, '--reason', 'no'], place)).code).to.equal(4)
      expect((await run(['submissions'], { DATA_DIR: join(folder, 'nowhere') })).code).to.equal(5)
      expect((await run(['submissions'], { DATABASE_URL: 'postgresql://localhost:1/none' })).code).to.equal(5)
    })

    it('shows nothing that a citizen wrote', async () => {
      const id = await sendAs(permanent)

      const everything = await Promise.all(
        [['submissions'], ['submissions', '--json'], ['show', id], ['show', id, '--json']].map((argv) =>
          run(argv, place),
        ),
      )

      expect(JSON.stringify(everything)).to.not.include(CITIZEN)
    })

    it('checks the store of a running adapter', async () => {
      const { out } = await run(['check', '--json'], { ...place, JWE_SHARED_KEY: KEY })

      const store = (JSON.parse(out).findings as { name: string; result: string }[]).find(
        ({ name }) => name === 'store',
      )
      expect(store).to.include({ result: 'ok' })
    })

    it('works after the adapter has stopped', async () => {
      const id = await sendAs(permanent)
      await running.stop()
      const { out } = await run(['discard', id, '--reason', 'entered by hand'], place)
      running = await start()

      expect(out).to.equal('1 submission discarded')
      expect((await running.ledger.show(id)).state).to.equal('discarded')
    })
  })
}

describe('the command line', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'cli-test-'))
    writeFileSync(join(folder, 'cert.pem'), certificate.cert)
    writeFileSync(join(folder, 'key.pem'), certificate.key)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))
  const good = () => ({
    TLS_CERT_FILE: join(folder, 'cert.pem'),
    TLS_KEY_FILE: join(folder, 'key.pem'),
    JWE_SHARED_KEY: KEY,
    DATA_DIR: join(folder, 'data'),
  })

  it('runs as a program', () => {
    const key = execFileSync(process.execPath, [BIN, 'keygen', '--length', '32'], { encoding: 'utf8' })

    expect(key).to.match(/^[A-Za-z0-9]{32}\n$/)
  })

  it("makes a different key each time, by default of the sender's length", async () => {
    const [one, other] = [await run(['keygen']), await run(['keygen'])]

    expect(one.out).to.match(/^[A-Za-z0-9]{16}$/)
    expect(one.out).to.not.equal(other.out)
  })

  it('starts the program if there is no command, and reports why it cannot start', async () => {
    let starts = 0
    const output = { out: () => undefined, error: (text: string) => errors.push(text) }
    const errors: string[] = []
    const start = async () => {
      starts += 1
    }

    const started = await runCommand([], { start, output })
    const other = await runCommand(['keygen'], { start, output })
    const refused = await runCommand([], {
      start: () => Promise.reject(new AdapterError('ERR_STORE_UNAVAILABLE', 'x')),
      output,
    })

    expect([started, other, refused, starts]).to.deep.equal([0, 0, 1, 1])
    expect(errors).to.deep.equal(['ERR_STORE_UNAVAILABLE: x'])
  })

  it('lists every exit code in its help', async () => {
    const { code, out } = await run(['--help'])

    expect(code).to.equal(0)
    for (const each of [0, 1, 2, 3, 4, 5, 6, 7, 8, 130]) expect(out).to.match(new RegExp(`^  ${each} +\\S`, 'm'))
  })

  it('reports an unknown command, not too many arguments', async () => {
    const { error } = await run(['resubmit', 'x'], good())

    expect(error).to.match(/^error: unknown command 'resubmit'/)
  })

  for (const [argv, why] of [
    [[], 'no command'],
    [['resubmit'], 'no such command'],
    [['redrive'], 'nothing chosen'],
    [['redrive', 'x', '--all'], 'chosen twice'],
    [['retry-now'], 'nothing chosen'],
    [['discard', 'x', '--reason', ' '], 'an empty reason'],
    [['discard', 'x', '--reason', 'x'.repeat(501)], 'a reason that is too long'],
    [['redrive', '--all', '--expect', 'x'], 'no count'],
    [['redrive', '--all', '--by', ''], 'nobody'],
    [['redrive', '--all', '--code', 'X'], 'chosen twice'],
    [['discard', 'x'], 'no reason'],
    [['discard', '--reason', 'x'], 'nothing chosen'],
    [['submissions', '--state', 'lost'], 'no such state'],
    [['submissions', '--limit', '0'], 'out of range'],
    [['keygen', '--length', '8'], 'no such length'],
  ] as const) {
    it(`exits with 2 and a reason: ${['adapter', ...argv].join(' ')} (${why})`, async () => {
      const { code, error, out } = await run(argv, good())

      expect([code, out]).to.deep.equal([2, ''])
      expect(error).to.not.equal('')
    })
  }

  it('finds no problem in a correct setup', async () => {
    const { code, out } = await run(['check'], good())

    expect(code, out).to.equal(0)
    expect(out).to.match(/^ok {7}configuration: /m)
    expect(out).to.match(/^ok {7}keys: JWE_SHARED_KEY has 16 characters, for A128GCM$/m)
    expect(out).to.match(/^ok {7}certificate: for DNS:localhost/m)
    expect(out).to.match(/^ok {7}store: /m)
  })

  it('warns of a weak key and of a certificate that expires soon, and exits with 0', async () => {
    const soon = await makeDevelopmentCertificate(5)
    writeFileSync(join(folder, 'soon.pem'), soon.cert)
    writeFileSync(join(folder, 'soon-key.pem'), soon.key)
    const files = { TLS_CERT_FILE: join(folder, 'soon.pem'), TLS_KEY_FILE: join(folder, 'soon-key.pem') }

    const { code, out } = await run(['check'], { ...good(), ...files, JWE_PREVIOUS_KEYS: 'aaaaaaaaaaaaaaaa' })

    expect(code).to.equal(0)
    expect(out).to.match(/^WARNING {2}keys: JWE_PREVIOUS_KEYS, key 1 /m)
    expect(out).to.match(/^WARNING {2}certificate: valid until .*, \d+ days from now$/m)
    expect(out).to.not.include('aaaa')
  })

  it('names every problem, and exits with 6', async () => {
    const another = await makeDevelopmentCertificate()
    writeFileSync(join(folder, 'another.pem'), another.key)
    const wrong = { ...good(), TLS_KEY_FILE: join(folder, 'another.pem'), JWE_SHARED_KEY: 'short', PORT: 'x' }

    const { code, out } = await run(['check', '--target', 'https://localhost:1'], wrong)

    expect(code).to.equal(6)
    expect(out).to.match(/^PROBLEM {2}configuration: PORT must be/m)
    expect(out).to.match(/^PROBLEM {2}keys: JWE_SHARED_KEY is 5 characters long/m)
    expect(out).to.match(/^PROBLEM {2}certificate: the key .* does not belong to the certificate/m)
    expect(out).to.match(/^PROBLEM {2}https:\/\/localhost:1: .*ECONNREFUSED/m)
    expect(out).to.not.include('short')
  })

  it('resolves HOST, and exits with 6 when nobody knows the name', async () => {
    const known = await run(['check'], { ...good(), HOST: 'localhost:3000' })
    const address = await run(['check'], { ...good(), HOST: '[::1]:3000' })
    const unknown = await run(['check'], { ...good(), HOST: 'no-such-name.invalid' })

    expect([known.code, address.code]).to.deep.equal([0, 0])
    expect(known.out).to.match(/^ok {7}HOST: stands for \d address/m)
    // A machine without any resolver cannot tell.
    expect(unknown.out).to.match(/^(PROBLEM {2}HOST: no address is known|WARNING {2}HOST: not resolved)/m)
    expect(unknown.code).to.equal(/^PROBLEM/m.test(unknown.out) ? 6 : 0)
  })

  it('works on no other store when DATABASE_URL cannot be read', async () => {
    const environment = { ...good(), DATABASE_URL: 'postgres://localhost/hunter22\n' }

    const listed = await run(['submissions'], environment)
    const checked = await run(['check'], environment)

    expect(listed.error).to.match(/^ERR_CONFIG_INVALID: DATABASE_URL begins or ends with white space/)
    expect([listed.code, listed.out, checked.code]).to.deep.equal([1, '', 6])
    expect(checked.out).to.not.match(/store:/)
    expect(listed.error + checked.out).to.not.include('hunter22')
  })

  it('names the file that has no certificate or no key, and reads one with a byte order mark', async () => {
    const place = good()
    const marked = (name: 'TLS_CERT_FILE' | 'TLS_KEY_FILE') => {
      writeFileSync(join(folder, `${name}.pem`), `\ufeff${readFileSync(place[name], 'utf8')}`)
      return join(folder, `${name}.pem`)
    }
    const empty = join(folder, 'empty.pem')
    writeFileSync(empty, '')

    const read = await run(['check'], {
      ...place,
      TLS_CERT_FILE: marked('TLS_CERT_FILE'),
      TLS_KEY_FILE: marked('TLS_KEY_FILE'),
    })
    const noCertificate = await run(['check'], { ...place, TLS_CERT_FILE: empty })
    const noKey = await run(['check'], { ...place, TLS_KEY_FILE: empty })

    expect(read.out).to.match(/^ok {7}certificate: /m)
    expect(noCertificate.out).to.match(/^PROBLEM {2}certificate: TLS_CERT_FILE has no certificate in PEM/m)
    expect(noKey.out).to.match(/^PROBLEM {2}certificate: TLS_KEY_FILE has no private key in PEM/m)
  })

  for (const [status, says] of [
    [200, 'ok       URL: answers (200)'],
    [403, 'ok       URL: answers (403)'],
    [500, 'ok       URL: answers (500)'],
    [502, 'PROBLEM  URL: is unavailable: the proxy before it answers 502'],
    [503, 'PROBLEM  URL: is unavailable: the proxy before it answers 503'],
    [504, 'PROBLEM  URL: is unavailable: the proxy before it answers 504'],
  ] as const)
    it(`says what a target's ${status} means`, async () => {
      const target = createServer((_request, response) => response.writeHead(status).end()).listen(0, '127.0.0.1')
      await new Promise((resolve) => target.once('listening', resolve))
      const url = `http://127.0.0.1:${(target.address() as AddressInfo).port}`

      const { out } = await run(['check', '--target', url], good())
      target.close()

      expect(out.split('\n')).to.include(says.replace('URL', url))
    })

  it('exits with 6 if the data folder cannot be written to', async () => {
    const { code } = await run(['check'], { ...good(), DATA_DIR: join(folder, 'cert.pem', 'data') })

    expect(code).to.equal(6)
  })
})
