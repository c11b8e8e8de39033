/** Checks the endpoint: the service root has the interaction, and its method and path match the request. */
import { type Exchange, enterRoot } from '../exchange.ts'
import { type FailureCode, ProviderError } from '../failures.ts'
import { capabilityOf } from '../roots/capabilities.ts'
import { matchPath } from '../roots/path-template.ts'
import type { ServiceRoot, ServiceRoots } from '../roots/service-root.ts'

/** The path is below a service root. Only the path decides which one. */
export function rootIsKnown(roots: ServiceRoots): (exchange: Exchange) => void {
  return (exchange) => {
    if (!enterRoot(exchange, roots)) throw unknownPath(exchange.rules.unknownPath)
  }
}

/** Ssp-InteractionID is present and exactly one of the interaction IDs of this service root. */
export function interactionIsKnown(exchange: Exchange): void {
  const id = exchange.headers['ssp-interactionid'] ?? ''
  if (id === '') throw new ProviderError('BAD_REQUEST', 'Ssp-InteractionID is missing or blank')
  const interaction = exchange.root?.interactions.get(id)
  if (interaction === undefined) throw new ProviderError('BAD_REQUEST', 'Ssp-InteractionID is not known here')
  exchange.interaction = interaction
}

/** The method is that of the interaction. */
export function methodFitsInteraction({ method, interaction }: Exchange): void {
  if (method !== interaction?.method) {
    throw new ProviderError('BAD_REQUEST', 'Ssp-InteractionID does not match this method')
  }
}

/** The path matches that of the interaction exactly. */
export function pathFitsInteraction(exchange: Exchange): void {
  const { relative = '', interaction, rules } = exchange
  if (interaction === undefined) return
  const match = matchPath(interaction.template, relative.split('/'))
  if (match.fits) {
    if (match.id !== undefined) exchange.id = match.id
  } else if (match.emptyId && interaction.template[0] !== EMPTY_ID_IS_UNKNOWN) {
    throw new ProviderError(ABSENT[interaction.template[0] ?? ''] ?? 'NO_RECORD_FOUND', 'The path has no id')
  } else {
    throw unknownPath(rules.unknownPath)
  }
}

/** Asks whether a practice and its capability are switched on now. */
export type IsOn = (root: ServiceRoot, capability: string | undefined) => Promise<boolean>

/** The practice has not disabled the capability, neither in its options nor with a switch. */
export function capabilityIsEnabled(isOn: IsOn | undefined): (exchange: Exchange) => Promise<void> | undefined {
  return ({ root, interaction }) => {
    if (root === undefined || interaction === undefined) return undefined
    if (root.isDisabled(interaction.id)) throw new ProviderError('ACCESS_DENIED')
    return isOn && refuseUnlessOn(isOn(root, capabilityOf(interaction)))
  }
}

async function refuseUnlessOn(on: Promise<boolean>): Promise<void> {
  if (!(await on)) throw new ProviderError('ACCESS_DENIED')
}

function unknownPath(status: 400 | 404): ProviderError {
  return status === 404
    ? new ProviderError('PATH_NOT_FOUND')
    : new ProviderError('BAD_REQUEST', 'Nothing is served at this path for this interaction')
}

const ABSENT: Readonly<Record<string, FailureCode>> = { Patient: 'PATIENT_NOT_FOUND' }
/** The official suite expects 404 for an appointment without an id, but 400 for a healthcare service (HealthcareRead.feature). */
const EMPTY_ID_IS_UNKNOWN = 'HealthcareService'
