/** Examples of the names of @formbuilder/adapter-sdk/testing. */
import { createAdapter } from '@formbuilder/adapter-sdk'
import {
  type DevelopmentCertificate,
  type Duration,
  developmentEnvironment,
  expectNoPersonalData,
  type Handled,
  makeDevelopmentCertificate,
  type PersonalDataOptions,
  type PlainRequest,
  type SentAnswer,
  startTestAdapter,
  type TestAdapter,
  type TestAdapterOptions,
  type TestAnswer,
  type TestOutput,
  type TestSubmission,
  type Upload,
} from '@formbuilder/adapter-sdk/testing'

// startTestAdapter, TestAdapter, TestAdapterOptions
{
  const adapter = createAdapter({
    forms: { complaint: { path: '/v2/complaint', repeatable: true, handle: async () => ({ reference: 'C-1' }) } },
  })
  const options: TestAdapterOptions = { environment: { RETRY_LIMIT: '2', SHOW_ERRORS: 'true' } }
  const test: TestAdapter = await startTestAdapter(adapter, options)
  const { submissionId } = await test.send('/v2/complaint', { submissionAnswers: { yourname_text_1: 'Ada' } })
  const { reference } = await test.delivered(submissionId)
  console.log(reference, test.handled.length)
  await test.stop()
}

// TestSubmission, SentAnswer
{
  async function sendLetter(test: TestAdapter): Promise<SentAnswer> {
    const letter: Upload = { filename: 'letter.txt', mimetype: 'text/plain', content: Buffer.from('Dear all') }
    const submission: TestSubmission = { submissionAnswers: { yourname_text_1: 'Ada' }, uploads: [letter] }
    return await test.send('/v2/complaint', submission)
  }
  console.log(typeof sendLetter)
}

// Handled
{
  async function lastRun(test: TestAdapter): Promise<Handled | undefined> {
    const { submissionId } = await test.send('/v2/complaint')
    await test.ended(submissionId)
    // It has the submission, the attempt, the files, and the outcome or the error.
    return test.handled.findLast(({ submission }) => submission.submissionId === submissionId)
  }
  console.log(typeof lastRun)
}

// PlainRequest, TestAnswer
{
  async function isHealthy(test: TestAdapter): Promise<boolean> {
    const request: PlainRequest = { headers: { Accept: 'application/json' } }
    const answer: TestAnswer = await test.request('GET', '/health', request)
    return answer.status === 200
  }
  console.log(typeof isHealthy)
}

// Duration
{
  async function retried(test: TestAdapter): Promise<number> {
    const { submissionId } = await test.send('/v2/complaint')
    await test.attempted(submissionId)
    const wait: Duration = { hours: 6, minutes: 30 }
    await test.advance(wait)
    return (await test.attempted(submissionId, 2)).attempts
  }
  console.log(typeof retried)
}

// expectNoPersonalData, TestOutput, PersonalDataOptions
{
  function assertSilent(log: TestOutput): void {
    const submission: TestSubmission = {
      submissionAnswers: { yourname_text_1: 'Ada Lovelace', contact_radios_1: 'By post' },
    }
    // 'By post' is in the log anyway. What was sent to an adapter under test, test.expectNoPersonalData(log) knows by itself.
    const options: PersonalDataOptions = { except: ['contact_radios_1'] }
    expectNoPersonalData(log, submission, options)
  }
  assertSilent('{"event":"case.made","reference":"C-1","delivery":"by post"}')
}

// makeDevelopmentCertificate, DevelopmentCertificate
{
  const { cert, key }: DevelopmentCertificate = await makeDevelopmentCertificate(30)
  console.log(cert, key.length)
}

// developmentEnvironment
{
  const adapter = createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } })
  await adapter.start({ environment: await developmentEnvironment('.development', process.env) })
}
