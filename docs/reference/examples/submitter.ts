/** Examples of the names of @formbuilder/submitter. */

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  AdapterError,
  assertEndpoint,
  type EndpointProof,
  type EndpointRules,
  type Exchange,
  type Receipt,
  type RecordedHeader,
  RefusalError,
  type Step,
  type SubmissionEnvelope,
  type SubmissionInput,
  type SubmitOptions,
  submit,
  type Target,
  type Unreachable,
  UnreachableError,
  verifyEndpoint,
} from '@formbuilder/submitter'

// submit, SubmitOptions, SubmissionEnvelope, SubmissionInput, Receipt
{
  const submission: SubmissionEnvelope = {
    serviceSlug: 'make-a-complaint',
    submissionId: randomUUID(),
    submissionAnswers: { yourname_text_1: 'Ada' },
    attachments: [],
  }
  // Also as JSON: a text, or its bytes.
  const input: SubmissionInput = JSON.stringify(submission)
  const options: SubmitOptions = {
    endpoint: 'https://adapter.service.justice.gov.uk/v2/complaint',
    key: readFileSync('shared-key', 'utf8'),
    submission: input,
    retries: 3,
    onRetry: (attempt, waitSeconds, { code }) =>
      console.error(`attempt ${attempt}: ${code}, again in ${waitSeconds} s`),
  }
  const receipt: Receipt = await submit(options)
  console.log(receipt.outcome, receipt.status, receipt.submissionId)
}

// verifyEndpoint, Target, EndpointProof
{
  const target: Target = {
    endpoint: 'https://adapter.service.justice.gov.uk/v2/complaint',
    key: readFileSync('shared-key', 'utf8'),
    timeoutSeconds: 10,
  }
  const proof: EndpointProof = await verifyEndpoint(target)
  console.log(`the endpoint is the form ${proof.form} of ${proof.version}`)
}

// assertEndpoint, EndpointRules
{
  const rules: EndpointRules = { allowLocal: true }
  console.log(assertEndpoint('https://localhost:3000/v2/complaint', rules).pathname)
}

// AdapterError, RefusalError
{
  try {
    await verifyEndpoint({
      endpoint: 'https://adapter.service.gov.uk/v2/complaint',
      key: readFileSync('shared-key', 'utf8'),
    })
  } catch (error) {
    if (error instanceof RefusalError) console.error(error.status, error.detail)
    else if (error instanceof AdapterError) console.error(error.code, error.message)
    else throw error
  }
}

// UnreachableError, Unreachable
{
  function advise(error: unknown): string {
    if (!(error instanceof UnreachableError)) return 'it answered'
    const kind: Unreachable = error.kind
    return kind === 'untrusted' ? 'Trust the certificate of its authority: --ca-file.' : error.message
  }
  console.log(advise(new Error('no')))
}

// Exchange, RecordedHeader, Step
{
  // What happened, for a bug report: names, codes, sizes and times, and never an answer or a key.
  function report(exchange: Exchange): string {
    const headers: readonly RecordedHeader[] = exchange.answer?.headers ?? []
    const last: Step = 'ended'
    const names = headers.map(([name]) => name).join(', ')
    return `${exchange.url}: ${exchange.answer?.status ?? exchange.failure}, ${names}, ${exchange.milliseconds[last]} ms`
  }
  console.log(typeof report)
}
