/** A request that has passed every check, as handlers see it. */

import type { Exchange } from './exchange.ts'
import type { FhirFormat, FhirRelease } from './fhir/format.ts'
import type { Interaction } from './roots/interactions.ts'
import type { Claims } from './token/bearer-token.ts'
import type { RequestedScope } from './token/scope.ts'

/** The checked and parsed parts of a request. */
export interface Transaction {
  readonly interaction: Interaction
  /** `preset` is as the options of the service root name it. */
  readonly root: { readonly path: string; readonly asid: string; readonly preset: string; readonly fhir: FhirRelease }
  /** The `{id}` of the path. */
  readonly id: string | undefined
  readonly query: URLSearchParams
  readonly claims: Claims
  readonly scope: RequestedScope | undefined
  /** The parsed body of a POST or PUT. */
  readonly body: unknown
  readonly format: FhirFormat
  /** What the answer to a create or an update should have (`Prefer`): the resource, or no body. */
  readonly prefers: 'representation' | 'minimal'
  /** Names the record for the audit trail if the path does not show it, such as `Patient/1` for an operation. */
  setDataId(dataId: string): void
}

/** A read-only view of an exchange that has passed every check. */
export function transactionOf(exchange: Exchange): Transaction {
  const { interaction, root } = exchange
  if (interaction === undefined || root === undefined) throw new TypeError('the exchange has not passed the guard')
  return new ExchangeView(exchange, interaction, root)
}

class ExchangeView implements Transaction {
  readonly interaction: Interaction
  readonly root: Transaction['root']
  readonly #exchange: Exchange

  constructor(exchange: Exchange, interaction: Interaction, root: Transaction['root']) {
    this.#exchange = exchange
    this.interaction = interaction
    this.root = root
  }

  get id(): string | undefined {
    return this.#exchange.id
  }

  get query(): URLSearchParams {
    return new URLSearchParams(this.#exchange.query)
  }

  get claims(): Claims {
    return this.#exchange.claims ?? {}
  }

  get scope(): RequestedScope | undefined {
    return this.#exchange.scope
  }

  get body(): unknown {
    return this.#exchange.body
  }

  get format(): FhirFormat {
    return this.#exchange.format ?? 'json'
  }

  get prefers(): Transaction['prefers'] {
    return prefersMinimal(this.#exchange.headers.prefer ?? '') ? 'minimal' : 'representation'
  }

  setDataId(dataId: string): void {
    this.#exchange.dataId = dataId
  }
}

/** Whether the first preference for `return` in a Prefer header (RFC 7240) is `minimal`. */
function prefersMinimal(header: string): boolean {
  for (const preference of header.split(',')) {
    const [, quoted, plain] = /^\s*return\s*=\s*(?:"([^"]*)"|([^\s;"]+))\s*(?:;.*)?$/i.exec(preference) ?? []
    const value = quoted ?? plain
    if (value !== undefined) return value.toLowerCase() === 'minimal'
  }
  return false
}
