/** All checks of a request, one per row, in the order in which they run. */
import type { IncomingMessage } from 'node:http'
import type { Exchange } from '../exchange.ts'
import type { ServiceRoots } from '../roots/service-root.ts'
import {
  tokenHasThreeParts,
  tokenHeaderIsUnsecured,
  tokenIsPresent,
  tokenIsUnsigned,
  tokenPayloadDecodes,
} from './authorization.ts'
import { deviceIsNamed, organizationIsNamed, practitionerIsNamed } from './claim-resources.ts'
import {
  audienceIsAccepted,
  issuerIsUrl,
  issueTimeIsWellFormed,
  lifetimeIsFiveMinutes,
  reasonIsAccepted,
  subjectIsPractitioner,
  tokenHasNotExpired,
} from './claims.ts'
import {
  capabilityIsEnabled,
  type IsOn,
  interactionIsKnown,
  methodFitsInteraction,
  pathFitsInteraction,
  rootIsKnown,
} from './endpoint.ts'
import { answerFormatIsSupported, contentTypeIsSupported } from './media-types.ts'
import { bodyIsWellFormed } from './request-body.ts'
import { requestedRecordIsThePatient, requestedRecordIsWellFormed } from './requested-record.ts'
import { scopeAllowsEndpoint, scopeIsWellFormed } from './requested-scope.ts'
import { fromIsWellFormed, headersAreSingle, toIsOurs, traceIdIsWellFormed } from './ssp-headers.ts'

/** A check with its name. `run` throws ProviderError if the request fails it. */
export interface Check {
  readonly name: string
  run(exchange: Exchange, request: IncomingMessage): Promise<void> | undefined | void
}

/** The checks of a provider. The server has already checked the client certificate. */
// biome-ignore format: a table
export function checks(roots: ServiceRoots, maxBodyBytes: number, isOn?: IsOn): readonly Check[] {
  return [
    { name: 'service-root',          run: rootIsKnown(roots) },
    { name: 'single-headers',        run: headersAreSingle },
    { name: 'ssp-traceid',           run: traceIdIsWellFormed },
    { name: 'ssp-from',              run: fromIsWellFormed },
    { name: 'ssp-to',                run: toIsOurs },
    { name: 'ssp-interactionid',     run: interactionIsKnown },
    { name: 'interaction-method',    run: methodFitsInteraction },
    { name: 'interaction-path',      run: pathFitsInteraction },
    { name: 'accept',                run: answerFormatIsSupported },
    { name: 'content-type',          run: contentTypeIsSupported },
    { name: 'token',                 run: tokenIsPresent },
    { name: 'token-parts',           run: tokenHasThreeParts },
    { name: 'token-header',          run: tokenHeaderIsUnsecured },
    { name: 'token-signature',       run: tokenIsUnsigned },
    { name: 'token-payload',         run: tokenPayloadDecodes },
    { name: 'iss',                   run: issuerIsUrl },
    { name: 'sub',                   run: subjectIsPractitioner },
    { name: 'aud',                   run: audienceIsAccepted },
    { name: 'exp',                   run: tokenHasNotExpired },
    { name: 'iat',                   run: issueTimeIsWellFormed },
    { name: 'lifetime',              run: lifetimeIsFiveMinutes },
    { name: 'reason',                run: reasonIsAccepted },
    { name: 'requested-record',      run: requestedRecordIsWellFormed },
    { name: 'scope',                 run: scopeIsWellFormed },
    { name: 'device',                run: deviceIsNamed },
    { name: 'organization',          run: organizationIsNamed },
    { name: 'practitioner',          run: practitionerIsNamed },
    { name: 'scope-endpoint',        run: scopeAllowsEndpoint },
    { name: 'enabled',               run: capabilityIsEnabled(isOn) },
    { name: 'body',                  run: bodyIsWellFormed(maxBodyBytes) },
    { name: 'requested-patient',     run: requestedRecordIsThePatient },
  ]
}
