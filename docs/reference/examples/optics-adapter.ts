/** Examples of the names of @formbuilder/optics-adapter. */
import { createAdapter } from '@formbuilder/adapter-sdk'
import {
  type CaseSystem,
  comment,
  complaint,
  createOptics,
  enquiry,
  feedback,
  OPTICS_ERRORS,
  OPTICS_SETTINGS,
  type OpticsConfig,
  OpticsError,
  type OpticsErrorCode,
  type OpticsParts,
  readOpticsConfig,
  type Step,
} from '@formbuilder/optics-adapter'
import axios from 'axios'

// readOpticsConfig, OpticsConfig, createOptics, OpticsParts, CaseSystem, complaint, comment, feedback, enquiry
{
  const read = readOpticsConfig(process.env)
  if (!('config' in read)) throw new Error(read.problems.join('\n'))
  const config: OpticsConfig = read.config
  const parts: OpticsParts = { client: axios.create({ proxy: false }) }
  const optics: CaseSystem = createOptics(config, parts)
  const adapter = createAdapter({
    forms: {
      complaint: complaint(optics),
      comment: comment(optics, config.commentType),
      feedback: feedback(optics),
      enquiry: enquiry(optics),
    },
  })
  await adapter.start()
}

// Step
{
  async function make(optics: CaseSystem, body: Buffer, signal: AbortSignal): Promise<string | undefined> {
    const step: Step = { signal, unnamed: () => console.warn('Optics named no case') }
    return (await optics.createCase(body, step)).reference
  }
  console.log(typeof make)
}

// OPTICS_SETTINGS
{
  for (const [name, { meaning }] of Object.entries(OPTICS_SETTINGS)) console.log(name, meaning)
}

// OpticsError, OPTICS_ERRORS, OpticsErrorCode
{
  function explain(error: unknown): string {
    if (!(error instanceof OpticsError)) return 'something else'
    const code = error.code as OpticsErrorCode
    return `${code}: ${OPTICS_ERRORS[code].meaning}, then ${OPTICS_ERRORS[code].end}`
  }
  console.log(explain(new Error('no')))
}
