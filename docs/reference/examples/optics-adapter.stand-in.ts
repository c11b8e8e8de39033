/** Examples of the names of @formbuilder/optics-adapter/stand-in. */
import {
  FAILURES,
  type FailureKind,
  type FailureOptions,
  type OpticsStandIn,
  type Route,
  type StandInCase,
  type StandInControls,
  type StandInDocument,
  type StandInOptions,
  type StandInRequest,
  startOpticsStandIn,
} from '@formbuilder/optics-adapter/stand-in'

// startOpticsStandIn, StandInOptions, OpticsStandIn
{
  const options: StandInOptions = { apiKey: 'an-api-key', secretKey: 'a-secret-key' }
  const optics: OpticsStandIn = await startOpticsStandIn(options)
  console.log(`OPTICS_ENDPOINT=${optics.url}`)
  await optics.stop()
}

// StandInControls, FAILURES, FailureKind, FailureOptions, Route
{
  async function breakOnce(optics: StandInControls): Promise<string> {
    const kind: FailureKind = 'case-then-reset'
    const route: Route = 'createcase'
    const options: FailureOptions = { times: 1, route }
    await optics.fail(kind, options)
    return FAILURES[kind]
  }
  console.log(typeof breakOnce)
}

// StandInCase, StandInDocument, StandInRequest
{
  function report(optics: StandInControls): string[] {
    const cases: readonly StandInCase[] = optics.cases()
    const documents: readonly StandInDocument[] = cases.flatMap((each) => each.documents)
    const requests: readonly StandInRequest[] = optics.requests
    return [
      ...cases.map(({ caseId, fields }) => `${caseId}: ${fields['Type']}`),
      ...documents.map(({ name, fetched }) => `${name}: ${fetched?.byteLength ?? 0} bytes`),
      ...requests.map(({ method, route, met }) => `${method} ${route}: ${met}`),
    ]
  }
  console.log(typeof report)
}
