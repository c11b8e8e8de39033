import { strict as assert } from 'node:assert'
import { after, before, beforeEach, describe, it } from 'node:test'
import { PermanentError, UncertainError } from '@formbuilder/adapter-sdk'
import { type StandIn, startStandIn } from '../dev/stand-in.ts'
import { findEmail, sendEmail } from '../src/notify.ts'
import { SETTINGS } from '../src/settings.ts'

const fields = { name: 'Ada', files: ['https://adapter.example.gov.uk/1'] }
const { signal } = new AbortController()

describe('GOV.UK Notify', () => {
  let standIn: StandIn
  before(async () => {
    standIn = await startStandIn()
  })
  beforeEach(() => {
    Object.assign(process.env, standIn.environment)
  })
  after(() => standIn?.stop())

  it('an e-mail goes to the address in the settings, from their template, and is found by its reference', async () => {
    const id = await sendEmail('first', fields, signal)

    assert.deepEqual(standIn.emails, [
      {
        id,
        reference: 'first',
        email_address: 'team@example.gov.uk',
        template_id: process.env['NOTIFY_TEMPLATE_ID'],
        personalisation: fields,
      },
    ])
    assert.equal(await findEmail('first', signal), id)
    assert.equal(await findEmail('another', signal), undefined)
  })

  it('an answer without a list does not mean that no e-mail was sent', async () => {
    standIn.next = { status: 200 }

    await assert.rejects(findEmail('unknown', signal), isNeither)
  })

  it('refuses the e-mail: a person has to look, and nothing was sent', async () => {
    for (const status of [400, 413]) {
      standIn.next = { status }
      await assert.rejects(sendEmail('refused', fields, signal), PermanentError)
    }
  })

  for (const [name, next] of [
    ['answers 201 without an id', { status: 201 }],
    ['fails with 500', { status: 500 }],
    ['sends somewhere else', { status: 303 }],
    ['is cut off before it has answered', 'lost'],
  ] as const) {
    it(`${name}: the e-mail may have been sent`, async () => {
      standIn.next = next

      await assert.rejects(sendEmail('uncertain', fields, signal), UncertainError)
    })
  }

  for (const status of [429, 503]) {
    it(`answers ${status}: nothing was sent, and the adapter tries again`, async () => {
      standIn.next = { status }

      await assert.rejects(sendEmail('later', fields, signal), isNeither)
    })
  }

  it('refuses the key: nothing was sent, and the adapter tries again', async () => {
    process.env['NOTIFY_API_KEY'] = standIn.environment['NOTIFY_API_KEY']?.replace(/.{12}$/, '123456789012')

    await assert.rejects(sendEmail('later', fields, signal), isNeither)
  })

  it('cannot be reached: nothing was sent, and the adapter tries again', async () => {
    const gone = await startStandIn()
    await gone.stop()
    Object.assign(process.env, gone.environment)

    await assert.rejects(sendEmail('later', fields, signal), isNeither)
  })

  it('settings that cannot work are found at the start', () => {
    const { NOTIFY_API_KEY, NOTIFY_TEMPLATE_ID, NOTIFY_EMAIL_ADDRESS, NOTIFY_URL } = SETTINGS

    for (const { read } of [NOTIFY_API_KEY, NOTIFY_TEMPLATE_ID, NOTIFY_EMAIL_ADDRESS, NOTIFY_URL]) {
      assert.ok('problem' in read('made up'))
    }
    assert.ok('value' in NOTIFY_API_KEY.read(standIn.environment['NOTIFY_API_KEY']))
  })
})

function isNeither(error: unknown): boolean {
  return !(error instanceof PermanentError) && !(error instanceof UncertainError)
}
