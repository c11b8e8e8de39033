/** The cases that the stand-in has made. */
import { createHash } from 'node:crypto'

/** A case, with what was fetched for it. */
export interface StandInCase {
  readonly caseId: string
  /** Fields as they were sent, documents and all. */
  readonly fields: Readonly<Record<string, unknown>>
  readonly externalId?: string
  readonly documents: readonly StandInDocument[]
}

/** A document that was fetched with a case, or could not be. */
export interface StandInDocument {
  readonly name: unknown
  readonly mimeType: unknown
  readonly url: string
  /** What was fetched; absent when the fetch failed. */
  readonly fetched?: { readonly sha256: string; readonly byteLength: number; readonly contentType: string }
}

/** Keeps cases as iCasework does: it makes whatever it is asked to make, also twice. */
export class Cases {
  readonly #cases: (StandInCase & { documents: StandInDocument[] })[] = []
  #nextId = 492_233

  /** Makes a case; `attach` adds what is fetched for it afterwards. */
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

  /** Cases with this id of ours or of the sender's. Several may share the sender's. */
  find({ caseId, externalId }: { caseId?: string | undefined; externalId?: string | undefined }): StandInCase[] {
    return this.#cases.filter(
      (made) =>
        (caseId !== undefined && made.caseId === caseId) ||
        (externalId !== undefined && made.externalId === externalId),
    )
  }

  /** Ids of cases that say the same: the same ExternalId, or without one the same fields. */
  duplicates(): string[][] {
    const groups = new Map<string, string[]>()
    for (const made of this.#cases) {
      const key = made.externalId ?? content(made.fields)
      groups.set(key, [...(groups.get(key) ?? []), made.caseId])
    }
    return [...groups.values()].filter((caseIds) => caseIds.length > 1)
  }

  clear(): void {
    this.#cases.length = 0
  }
}

/** What a case says. The day moves and links are new when a sender repeats itself, so neither counts. */
function content(fields: Readonly<Record<string, unknown>>): string {
  const telling = Object.entries(fields).filter(([name]) => !/(^Document\d+\.URL$|RequestDate$)/.test(name))
  return createHash('sha256').update(JSON.stringify(telling.sort())).digest('base64url')
}
