/** Pausing and resuming a form by command, over two adapters of one store: what is said of it, and where. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createAdapter } from '../../../src/adapter.ts'
import { PermanentError } from '../../../src/errors.ts'
import type { AdapterEvent } from '../../../src/events.ts'
import { changeForm } from '../../../src/operator/pauses.ts'
import { encryptCompact } from '../../../src/protocol/jwe.ts'
import { type Key, parseKeyring } from '../../../src/protocol/keyring.ts'
import type { RunningAdapter } from '../../../src/start.ts'
import { type DevelopmentCertificate, makeDevelopmentCertificate } from '../../../src/testing/index.ts'
import { ask } from '../../../src/testing/sender.ts'
import { run as runIn } from '../../run-command.ts'
import { sharedPostgres } from '../../shared-postgres.ts'
import { until } from '../../until.ts'

const KEY = 'k7Wq2mZx9LtR4vBn'
const METRICS = { METRICS_AUTH_USERNAME: 'dhh', METRICS_AUTH_PASSWORD: 'secret' }
const basic = { Authorization: `Basic ${Buffer.from('dhh:secret').toString('base64')}` }

let certificate: DevelopmentCertificate
before(async () => {
  certificate = await makeDevelopmentCertificate(90)
})

for (const kind of ['sqlite', 'postgres'] as const) {
  describe(`pausing a form, on ${kind}`, () => {
    let folder: string
    let place: { [name: string]: string }
    let web: RunningAdapter
    let worker: RunningAdapter
    const handled: string[] = []
    /** What the next attempts of the form do. */
    let handle: (submissionId: string) => Promise<void>

    const start = (role: string) =>
      createAdapter({
        forms: {
          complaint: {
            path: '/v2/complaint',
            repeatable: true,
            async handle({ submissionId }) {
              await handle(submissionId)
              handled.push(submissionId)
            },
          },
          enquiry: {
            path: '/v2/enquiry',
            repeatable: true,
            async handle({ submissionId }) {
              handled.push(submissionId)
            },
          },
        },
      }).start({
        ownsProcess: false,
        environment: {
          ...place,
          ...METRICS,
          PORT: '0',
          LISTEN_HOST: '127.0.0.1',
          TLS_CERT_FILE: join(folder, 'cert.pem'),
          TLS_KEY_FILE: join(folder, 'key.pem'),
          JWE_SHARED_KEY: KEY,
          LOG_LEVEL: 'silent',
          RETRY_DELAY_SECONDS: '3600',
          RETRY_DELAY_MAX_SECONDS: '3600',
          ADAPTER_ROLE: role,
        },
      })
    const target = (adapter: RunningAdapter) => ({ port: adapter.port, ca: certificate.cert })
    const send = async (path = '/v2/complaint') => {
      const submissionId = crypto.randomUUID()
      const payload = { serviceSlug: 'test-form', submissionId, submissionAnswers: {}, attachments: [] }
      const body = await encryptCompact(JSON.stringify(payload), parseKeyring(KEY).keys[0] as Key)
      expect((await ask(target(web), 'POST', path, { body })).status).to.equal(201)
      return submissionId
    }
    const run = (...argv: string[]) => runIn(argv, place)
    const pause = (reason = 'moved', by = 'ada') => web.store.pause('complaint', by, reason)
    const resume = () => web.store.resume('complaint', 'ada', null)
    const readiness = async (adapter: RunningAdapter) => {
      const headers = { ...basic, Accept: 'application/json' }
      const { status, text } = await ask(target(adapter), 'GET', '/readiness', { headers })
      return [status, JSON.parse(text)]
    }
    const metric = async (name: string, adapter = worker) => {
      const { text } = await ask(target(adapter), 'GET', '/metrics', { headers: basic })
      return text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')[1]
    }

    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'pauses-test-'))
      writeFileSync(join(folder, 'cert.pem'), certificate.cert)
      writeFileSync(join(folder, 'key.pem'), certificate.key)
      place =
        kind === 'sqlite'
          ? { DATA_DIR: join(folder, 'data') }
          : { DATABASE_URL: await (await sharedPostgres()).database() }
      web = await start('web')
      worker = await start('worker')
    })
    after(async () => {
      await Promise.all([web.stop(), worker.stop()])
      rmSync(folder, { recursive: true, force: true })
    })
    beforeEach(() => {
      handle = async () => undefined
    })
    afterEach(async () => {
      await resume()
    })

    it('stops its attempts and no others, in a process that runs; what comes in is received, and handed over on resume', async () => {
      const paused = await run('pause', 'complaint', '--reason', 'the case system is being moved', '--by', 'ada')
      const waiting = await send()
      const other = await send('/v2/enquiry')
      await until(() => handled.includes(other))
      // Longer than a worker waits between two looks for work.
      const later = await send('/v2/enquiry')
      await until(() => handled.includes(later))
      const during = [handled.includes(waiting), (await web.ledger.show(waiting)).state]
      const resumed = await run('resume', 'complaint', '--reason', 'it was moved', '--by', 'bob')
      await until(() => handled.includes(waiting))

      expect(paused).to.deep.equal({
        code: 0,
        out: 'complaint is paused: what runs is finished, what comes in waits',
        error: '',
      })
      expect(during).to.deep.equal([false, 'waiting'])
      expect(resumed).to.deep.equal({ code: 0, out: 'complaint is resumed', error: '' })
      expect(
        (await web.store.actions({ limit: 2, offset: 0 })).map(({ action, by, reason, form }) => [
          action,
          by,
          reason,
          form,
        ]),
      ).to.deep.equal([
        ['resumed', 'bob', 'it was moved', 'complaint'],
        ['paused', 'ada', 'the case system is being moved', 'complaint'],
      ])
    })

    it('finishes what runs', async () => {
      let finish: () => void = () => undefined
      const started = Promise.withResolvers<void>()
      handle = () => {
        started.resolve()
        return new Promise((resolve) => {
          finish = resolve
        })
      }
      const id = await send()
      await started.promise
      await pause()
      finish()
      await until(async () => (await web.ledger.show(id)).state === 'delivered')
    })

    it('survives a restart of every process', async () => {
      await pause()
      await Promise.all([web.stop(), worker.stop()])
      web = await start('web')
      worker = await start('worker')
      const waiting = await send()
      const other = await send('/v2/enquiry')
      await until(() => handled.includes(other))

      expect((await web.ledger.show(waiting)).state).to.equal('waiting')
      await resume()
      await until(() => handled.includes(waiting))
    })

    it('is said by /readiness of every process to those who may read it, which stays ready; and by metrics', async () => {
      const before = [await readiness(web), await metric('formbuilder_form_paused{form="complaint"}')]
      await pause('the case system is being moved')
      const waiting = await send()
      const [status, body] = await readiness(web)
      const text = (await ask(target(web), 'GET', '/readiness')).text

      expect(before).to.deep.equal([[200, { status: 'ready', reasons: [] }], '0'])
      expect([
        status,
        { ...body, paused: body.paused.map(({ at, ...rest }: { at: string }) => [typeof at, rest]) },
      ]).to.deep.equal([
        200,
        {
          status: 'ready',
          reasons: [],
          paused: [['string', { form: 'complaint', by: 'ada', reason: 'the case system is being moved' }]],
        },
      ])
      expect(Date.now() - Date.parse(body.paused[0].at)).to.be.within(-1000, 60_000)
      expect(await readiness(worker)).to.deep.equal([status, body])
      expect(text).to.equal('ready')
      for (const adapter of [web, worker]) {
        expect(await metric('formbuilder_form_paused{form="complaint"}', adapter)).to.equal('1')
        expect(await metric('formbuilder_form_paused{form="enquiry"}', adapter)).to.equal('0')
        expect(await metric('formbuilder_submissions_paused', adapter)).to.equal('1')
        expect(await metric('formbuilder_submissions_waiting', adapter)).to.equal('1')
        expect(await metric('formbuilder_oldest_waiting_seconds', adapter)).to.equal('0')
      }
      await resume()
      await until(() => handled.includes(waiting))
      expect(await metric('formbuilder_form_paused{form="complaint"}')).to.equal('0')
    })

    it('is listed by stats', async () => {
      const before = await run('stats')
      await pause('moved\u001b[31m by\u202e us')
      const waiting = await send()
      const { out } = await run('stats')
      const { pausedForms } = JSON.parse((await run('stats', '--json')).out)

      expect(before.out).not.to.contain('paused')
      expect(out).to.match(/^complaint is paused since [-0-9]{10} [0-9:]{8} UTC, by ada: moved \[31m by {2}us$/m)
      expect(out).to.match(/^waiting {5}1, of these 1 of paused forms$/m)
      expect(out).to.match(/^oldest {6}none is waiting$/m)
      expect(pausedForms).to.have.length(1)
      expect(pausedForms[0]).to.include({ form: 'complaint', by: 'ada' })
      await resume()
      await until(() => handled.includes(waiting))
    })

    it('is said by redrive and retry-now of its submissions, which do no more than before', async () => {
      handle = () => Promise.reject(new PermanentError('no team'))
      const dead = await send()
      await until(async () => (await web.ledger.show(dead)).state === 'dead')
      handle = () => Promise.reject(new Error('down'))
      const waiting = await send()
      await until(async () => (await web.ledger.show(waiting)).attempts === 1)
      await until(async () => (await web.ledger.show(waiting)).state === 'waiting')
      handle = async () => undefined
      await pause()
      const said = 'complaint is paused: no attempt starts until it is resumed'

      const planned = await run('redrive', dead, '--dry-run')
      const redriven = await run('redrive', dead)
      const retried = await run('retry-now', '--all', '--json')
      const states = [(await web.ledger.show(dead)).state, (await web.ledger.show(waiting)).state]

      expect(planned.out.split('\n')).to.include(said)
      expect([redriven.code, ...redriven.out.split('\n')]).to.deep.equal([0, '1 submission redriven', said])
      expect(JSON.parse(retried.out)).to.deep.include({ retried: 1, paused: ['complaint'] })
      expect(states).to.deep.equal(['waiting', 'waiting'])
      await resume()
      await until(() => handled.includes(dead) && handled.includes(waiting))
      const [other] = [await run('retry-now', '--all', '--json')]
      expect(JSON.parse(other.out)).not.to.have.property('paused')
    })

    it('is refused where it is paused already, was not paused, is unknown, or without a reason; nothing changes', async () => {
      await pause('first')
      const codes = [
        await run('pause', 'complaint', '--reason', 'second', '--by', 'bob'),
        await run('resume', 'enquiry'),
        await run('pause', 'nobody', '--reason', 'x'),
        await run('resume', 'no\nbody'),
        await run('pause', 'enquiry'),
        await run('pause', 'enquiry', '--reason', ' \n '),
        await run('pause', 'enquiry', '--reason', 'x'.repeat(501)),
        await run('pause', 'enquiry', '--reason', 'x', '--by', ' '),
        await run('pause'),
      ]

      expect(codes.map(({ code }) => code)).to.deep.equal([4, 4, 2, 2, 2, 2, 2, 2, 2])
      expect(codes.slice(0, 4).map(({ error }) => error)).to.deep.equal([
        'ERR_STATE_CONFLICT: the form is paused already, by ada',
        'ERR_STATE_CONFLICT: the form is not paused',
        'ERR_FILTER_UNKNOWN: no form "nobody"; known forms: complaint, enquiry',
        'ERR_FILTER_UNKNOWN: no form "no body"; known forms: complaint, enquiry',
      ])
      expect((await web.store.forms()).map(({ name, paused }) => [name, paused?.reason])).to.deep.equal([
        ['complaint', 'first'],
        ['enquiry', undefined],
      ])
    })

    it('is an event with who, and without the reason', async () => {
      const events: AdapterEvent[] = []
      const emit = (event: AdapterEvent) => void events.push(event)
      await changeForm(web.store, emit, 'pause', 'complaint', { by: 'ada\u0007', reason: 'moved' })
      await changeForm(web.store, emit, 'resume', 'complaint', { by: 'bob', reason: null })
      const [action] = await web.store.actions({ limit: 1, offset: 1 })

      expect(events).to.deep.equal([
        { event: 'form.paused', form: 'complaint', by: 'ada' },
        { event: 'form.resumed', form: 'complaint', by: 'bob' },
      ])
      expect(action).to.include({ by: 'ada', reason: 'moved' })
    })
  })
}
