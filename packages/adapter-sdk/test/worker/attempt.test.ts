import { expect } from 'chai'
import { z } from 'zod'
import { AdapterError, PermanentError, UncertainError } from '../../src/errors.ts'
import type { Context, Form } from '../../src/form.ts'
import { encryptCompact } from '../../src/protocol/jwe.ts'
import { generateKey, type Key, type Keyring, parseKeyring } from '../../src/protocol/keyring.ts'
import type { Claim, Ending } from '../../src/store/claim.ts'
import { type AttemptOptions, attemptRunner } from '../../src/worker/attempt.ts'
import { claimed } from '../submissions.ts'

const keyring: Keyring = parseKeyring(generateKey(16))
const ANSWERS = { name: 'Jarndyce', age: '66' }

async function attempt(
  form: Partial<Form>,
  options: {
    claim?: Partial<Claim>
    signal?: AbortSignal
    retry?: AttemptOptions['retry']
    acting?: () => Promise<void>
  } = {},
): Promise<Ending> {
  const claim = claimed(options.claim)
  const envelope = {
    serviceSlug: 'test-form',
    submissionId: claim.submissionId,
    submissionAnswers: ANSWERS,
    attachments: [],
  }
  const jwe = await encryptCompact(JSON.stringify(envelope), keyring.keys[0] as Key)
  const run = attemptRunner({
    forms: new Map([[claim.form, { path: '/v2/complaint', handle: async () => undefined, ...form }]]),
    keyrings: { [claim.form]: keyring },
    retry: options.retry ?? { delaySeconds: 30, delayMaxSeconds: 3600, limit: 25 },
    // The handlers here use only these.
    context: (_claim, _envelope, signal) =>
      ({ signal, acting: options.acting ?? (async () => undefined) }) as unknown as Context,
    calls: { observe: (_name, _about, call) => call() },
    emit: () => undefined,
  })
  return await run({ ...claim, jwe: options.claim?.jwe ?? jwe }, options.signal ?? new AbortController().signal)
}

const throws = (error: unknown) => ({ handle: () => Promise.reject(error) })
/** A handler that runs until its signal aborts, and then throws as axios and fetch do. */
const abortable = (before?: (context: Context) => Promise<void>) => ({
  timeoutSeconds: 0.05,
  async handle(_submission: unknown, context: Context): Promise<undefined> {
    await before?.(context)
    await new Promise((resolve) => context.signal.addEventListener('abort', resolve))
    throw Object.assign(new Error('canceled'), { name: 'CanceledError', code: 'ERR_CANCELED' })
  },
})

describe('an attempt', () => {
  describe('ends as its handler says', () => {
    const rows: readonly (readonly [string, Partial<Form>, Partial<Claim>, object])[] = [
      [
        'resolves',
        { handle: async () => ({ reference: '7' }) },
        {},
        { outcome: 'delivered', reference: '7', confirmed: false },
      ],
      ['resolves with nothing', {}, {}, { outcome: 'delivered', reference: null }],
      [
        'throws anything',
        throws(new Error('Jarndyce')),
        {},
        { outcome: 'retry', code: 'ERR_HANDLER_FAILED', uncertain: false },
      ],
      ['throws no error', throws('Jarndyce'), {}, { outcome: 'retry', code: 'ERR_HANDLER_FAILED' }],
      [
        'throws PermanentError',
        throws(new PermanentError('no team')),
        {},
        { outcome: 'dead', code: 'ERR_HANDLER_PERMANENT', reason: 'no team', uncertain: false },
      ],
      [
        'throws UncertainError',
        throws(new UncertainError('no answer')),
        {},
        { outcome: 'dead', code: 'ERR_OUTCOME_UNCERTAIN', uncertain: true },
      ],
      [
        'throws UncertainError, repeatable',
        { ...throws(new UncertainError('no answer')), repeatable: true },
        {},
        { outcome: 'retry', uncertain: true, settleSeconds: undefined },
      ],
      [
        'throws UncertainError for the last time, repeatable',
        { ...throws(new UncertainError('no id')), repeatable: true },
        { attemptsSinceRedrive: 26 },
        { outcome: 'dead', code: 'ERR_OUTCOME_UNCERTAIN', uncertain: true },
      ],
      [
        'throws anything after an uncertain attempt that nobody looked for',
        { ...throws(new Error('x')), repeatable: true },
        { attemptsSinceRedrive: 26, uncertain: true },
        { outcome: 'dead', code: 'ERR_OUTCOME_UNCERTAIN', uncertain: true },
      ],
      [
        'throws anything after confirm has found nothing',
        { ...throws(new Error('x')), repeatable: true, confirm: async () => undefined },
        { attemptsSinceRedrive: 26, uncertain: true },
        { outcome: 'dead', code: 'ERR_RETRIES_EXHAUSTED', uncertain: false },
      ],
      [
        'throws a Proxy that throws, when it may have acted',
        {
          repeatable: false,
          ...throws(new Proxy(new Error('x'), { getPrototypeOf: () => Reflect.ownKeys(1 as never) as never })),
        },
        {},
        { outcome: 'retry', code: 'ERR_HANDLER_FAILED', uncertain: false },
      ],
      [
        'throws PermanentError with a cause',
        throws(new PermanentError('no team', { cause: Object.assign(new Error('Jarndyce'), { code: 'ECONNRESET' }) })),
        {},
        { outcome: 'dead', code: 'ERR_HANDLER_PERMANENT', uncertain: false },
      ],
      [
        'throws UncertainError, can confirm',
        { ...throws(new UncertainError('no answer')), confirm: async () => undefined },
        {},
        { outcome: 'retry', uncertain: true },
      ],
      [
        'throws for the last time',
        throws(new Error('x')),
        { attemptsSinceRedrive: 26 },
        { outcome: 'dead', code: 'ERR_RETRIES_EXHAUSTED', uncertain: false },
      ],
      [
        'throws UncertainError for the last time',
        { ...throws(new UncertainError('x')), confirm: async () => undefined },
        { attemptsSinceRedrive: 26 },
        { outcome: 'dead', code: 'ERR_OUTCOME_UNCERTAIN', uncertain: true },
      ],
    ]
    for (const [what, form, claim, expected] of rows) {
      it(`it ${what}`, async () => expect(await attempt(form, { claim })).to.deep.include(expected))
    }
  })

  describe('whose earlier outcome is unknown', () => {
    const uncertain = { uncertain: true, attempt: 2, attemptsSinceRedrive: 2 }
    const again = { handle: async () => ({ reference: 'again' }) }
    const rows: readonly (readonly [string, Partial<Form>, Partial<Claim>, object])[] = [
      [
        'becomes a dead letter where the form cannot confirm it',
        again,
        {},
        { outcome: 'dead', code: 'ERR_OUTCOME_UNCERTAIN', uncertain: true },
      ],
      [
        'is handled where a person approved it',
        again,
        { approved: true },
        { outcome: 'delivered', reference: 'again' },
      ],
      [
        'is handled where the form says that repeating does no harm',
        { ...again, repeatable: true },
        {},
        { outcome: 'delivered', reference: 'again' },
      ],
      [
        'is tried again where repeating does no harm and the schema cannot tell now',
        { ...again, repeatable: true, answers: z.object({}).refine(() => Promise.reject(new Error('down'))) },
        {},
        { outcome: 'retry', uncertain: true },
      ],
      [
        'is delivered when confirm finds it',
        { ...again, confirm: async () => ({ reference: 'found' }) },
        {},
        { outcome: 'delivered', reference: 'found', confirmed: true },
      ],
      [
        'is handled when confirm does not find it',
        { ...again, confirm: async () => undefined },
        {},
        { outcome: 'delivered', reference: 'again', confirmed: false },
      ],
      [
        'is confirmed even where a person approved it',
        { ...again, confirm: async () => ({ reference: 'found' }) },
        { approved: true },
        { reference: 'found' },
      ],
      [
        'stays uncertain when it cannot be confirmed now',
        { ...again, confirm: () => Promise.reject(new Error('down')) },
        {},
        { outcome: 'retry', uncertain: true },
      ],
      [
        'stays uncertain when confirming fails for good',
        { ...again, confirm: () => Promise.reject(new PermanentError('no')) },
        {},
        { outcome: 'dead', uncertain: true },
      ],
      [
        'is certain again when it was not found and then failed',
        { ...throws(new Error('x')), confirm: async () => undefined },
        {},
        { outcome: 'retry', uncertain: false },
      ],
      [
        'stays uncertain when no key fits',
        again,
        { jwe: 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..a.b.c' },
        { outcome: 'dead', uncertain: true },
      ],
      [
        'stays uncertain when its answers do not fit',
        { ...again, answers: z.object({ other: z.string() }) },
        {},
        {
          outcome: 'dead',
          code: 'ERR_ANSWERS_INVALID',
          reason: 'the answers do not fit the schema at: other',
          uncertain: true,
        },
      ],
    ]
    for (const [what, form, claim, expected] of rows) {
      it(what, async () => expect(await attempt(form, { claim: { ...uncertain, ...claim } })).to.deep.include(expected))
    }
  })

  describe('that is given up', () => {
    for (const [repeatable, acts, uncertain] of [
      [undefined, true, false],
      [true, true, false],
      [false, false, true],
      ['until-acting', false, false],
      ['until-acting', true, true],
    ] as const) {
      it(`${uncertain ? 'is uncertain' : 'is repeated'} if it is repeatable: ${repeatable} and had ${acts ? 'acted' : 'not acted'}`, async () => {
        const form = abortable(acts ? (context) => context.acting() : undefined)

        const ending = await attempt({ ...form, ...(repeatable === undefined ? {} : { repeatable }) })

        expect(ending).to.include({ outcome: uncertain ? 'dead' : 'retry', uncertain })
      })
    }

    it('is repeated when the handler knows that nothing was sent', async () => {
      const form = abortable((context) => context.acting())
      const knows = async (submission: never, context: Context) =>
        form.handle(submission, context).catch(() => {
          throw new AdapterError('ERR_ENDPOINT_REFUSED', 'not sent', { retryable: true })
        })

      expect(await attempt({ ...form, handle: knows, repeatable: 'until-acting' })).to.include({
        outcome: 'retry',
        uncertain: false,
      })
    })

    it('is uncertain when it starts to act at the last moment and does not end', async () => {
      let act = () => undefined as unknown
      const acting = () => new Promise<void>((resolve) => (act = resolve))
      const form = { repeatable: 'until-acting', timeoutSeconds: 0.05 } as const
      let sent = false

      const ending = await attempt(
        {
          ...form,
          async handle(_submission, context) {
            await context.acting()
            sent = true
            return undefined
          },
        },
        { acting },
      )
      // `acting` is recorded after the attempt was given up: nothing may be sent any more.
      act()
      await new Promise((resolve) => setImmediate(resolve))

      expect(ending).to.include({ code: 'ERR_ATTEMPT_TIMEOUT', uncertain: true })
      expect(sent).to.equal(false)
    })

    it('handles nothing after it was given up while it was confirming', async () => {
      const stop = new AbortController()
      let handled = false
      const form = {
        async confirm() {
          stop.abort(new AdapterError('ERR_ATTEMPT_LOST', 'another process has taken it over'))
          return undefined
        },
        async handle() {
          handled = true
          return undefined
        },
      }

      const ending = await attempt(form, { claim: { uncertain: true }, signal: stop.signal })

      expect(handled).to.equal(false)
      expect(ending).to.include({ outcome: 'retry', uncertain: true })
    })
  })

  for (const [losses, outcome] of [
    [0, 'dead'],
    [3, 'retry'],
  ] as const) {
    it(`that fails for the 26th time, of which ${losses} were lost with their process, is ${outcome}`, async () => {
      const handle = () => Promise.reject(new Error('no'))

      const ending = await attempt({ handle }, { claim: { attemptsSinceRedrive: 26, attempt: 26, losses } })

      expect(ending).to.include({ outcome })
    })
  }

  it('is repeated when the schema throws, with a reason that does not quote the error', async () => {
    const schema = z.object({ name: z.string() }).transform(() => {
      throw new TypeError('Jarndyce')
    })

    const ending = await attempt({ answers: schema })

    expect(ending).to.include({ outcome: 'retry', code: 'ERR_HANDLER_FAILED' })
    expect(ending)
      .to.have.property('reason')
      .that.matches(/^the schema threw TypeError, at [^ ]*attempt\.test\.ts:\d+/)
  })
})
