/** The cases that the stand-in has created, kept in memory. */
import { createHash } from 'node:crypto'

/** A case and the documents that were fetched for it. */
export interface StandInCase {
  readonly caseId: string
  /** All fields as they were sent, including those of documents. */
  readonly fields: Readonly<Record<string, unknown>>
  readonly externalId?: string
  readonly documents: readonly StandInDocument[]
}

/** A document of a case, whether or not it could be fetched. */
export interface StandInDocument {
  readonly name: unknown
  readonly mimeType: unknown
  readonly url: string
  /** What was fetched. Absent when the fetch failed. */
  readonly fetched?: { readonly sha256: string; readonly byteLength: number; readonly contentType: string }
}

/** Creates every case that it is asked for, like iCasework, even if the same case exists already. */
export class Cases {
  readonly #cases: (StandInCase & { documents: StandInDocument[] })[] = []
  #nextId = 492_233

  /** Creates a case. `attach` adds a document that is fetched afterwards. */
  add(fields: Readonly<Record<string, unknown>>): { caseId: string; attach(document: StandInDocument): void } {
    const caseId = String(this.#nextId++)
    const externalId = fields['ExternalId']
    const documents: StandInDocument[] = []
    this.#cases.push({ caseId, fields, documents, ...(typeof externalId === 'string' && { externalId }) })
    return { caseId, attach: (document) => documents.push(document) }
  }

  all(): readonly StandInCase[] {
    return [...this.#cases]
  }

  /** Cases with this case id or external id. Several cases may share an external id. */
  find({ caseId, externalId }: { caseId?: string | undefined; externalId?: string | undefined }): StandInCase[] {
    return this.#cases.filter(
      (each) =>
        (caseId !== undefined && each.caseId === caseId) ||
        (externalId !== undefined && each.externalId === externalId),
    )
  }

  /** Ids of cases with the same content: the same ExternalId, or the same fields if they have none. */
  duplicates(): string[][] {
    const groups = new Map<string, string[]>()
    for (const { caseId, externalId, fields } of this.#cases) {
      const key = externalId ?? contentHash(fields)
      groups.set(key, [...(groups.get(key) ?? []), caseId])
    }
    return [...groups.values()].filter((caseIds) => caseIds.length > 1)
  }

  clear(): void {
    this.#cases.length = 0
  }
}

/** A hash of the fields. It leaves out dates and links, because they change when a sender repeats a submission. */
function contentHash(fields: Readonly<Record<string, unknown>>): string {
  const compared = Object.entries(fields).filter(([name]) => !/(^Document\d+\.URL$|RequestDate$)/.test(name))
  return createHash('sha256').update(JSON.stringify(compared.sort())).digest('base64url')
}
