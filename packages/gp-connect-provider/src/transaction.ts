/** An admitted request, as handlers see it. */
import type { Claims } from './bearer-token.ts'
import type { Exchange } from './exchange.ts'
import type { FhirFormat } from './fhir-format.ts'
import type { FhirRelease, Interaction } from './interactions.ts'
import type { RequestedScope } from './requested-scope.ts'

/** What the guard has checked and read. */
export interface Transaction {
  readonly interaction: Interaction
  readonly root: { readonly path: string; readonly asid: string; readonly fhir: FhirRelease }
  /** The `{id}` of the path. */
  readonly id: string | undefined
  readonly query: URLSearchParams
  readonly claims: Claims
  readonly scope: RequestedScope | undefined
  /** The parsed body of a POST or PUT. */
  readonly body: unknown
  readonly format: FhirFormat
  /** Says what the transaction was about where the path does not: `Patient/1` for an operation. For the audit trail. */
  setDataId(dataId: string): void
}

/** A view of an exchange that passed every check. */
export function transactionOf(exchange: Exchange): Transaction {
  const { interaction, root, format = 'json' } = exchange
  if (interaction === undefined || root === undefined) throw new TypeError('the exchange has not passed the guard')
  return {
    interaction,
    root,
    id: exchange.id,
    get query() {
      return new URLSearchParams(exchange.query)
    },
    claims: exchange.claims ?? {},
    scope: exchange.scope,
    body: exchange.body,
    format,
    setDataId(dataId) {
      exchange.dataId = dataId
    },
  }
}
