/** Fetches the documents of a case as iCasework does: immediately, one after another, without credentials. */
import { createHash } from 'node:crypto'
import { Agent } from 'node:https'
import type { Readable } from 'node:stream'
import { rootCertificates } from 'node:tls'
import axios from 'axios'
import type { StandInDocument } from './cases.ts'

/** How documents are fetched. */
export interface DocumentOptions {
  /** Certificates to trust in addition to Node's own, in PEM. */
  readonly ca?: string
  /** Fetch from this origin instead of the one in the URL, for an adapter whose public name does not resolve here. */
  readonly documentOrigin?: string
}

/** Returns a function that fetches one document. `fetched` is absent in its result when the fetch failed. */
export function documentFetcher({ ca, documentOrigin }: DocumentOptions) {
  const httpsAgent = new Agent(ca === undefined ? {} : { ca: [...rootCertificates, ca] })

  return async (document: Omit<StandInDocument, 'fetched'>): Promise<StandInDocument> => {
    try {
      const url = new URL(document.url)
      const { data, headers } = await axios.get<Readable>(
        documentOrigin === undefined ? url.href : new URL(url.pathname + url.search, documentOrigin).href,
        { responseType: 'stream', maxRedirects: 0, timeout: 30_000, proxy: false, httpsAgent },
      )
      const hash = createHash('sha256')
      let byteLength = 0
      for await (const chunk of data) {
        hash.update(chunk)
        byteLength += chunk.length
      }
      return {
        ...document,
        fetched: { sha256: hash.digest('hex'), byteLength, contentType: String(headers['content-type']) },
      }
    } catch {
      return document
    }
  }
}

/** The documents that the fields of createcase name, in order. */
export function documentsIn(fields: Readonly<Record<string, unknown>>): Omit<StandInDocument, 'fetched'>[] {
  const documents = []
  for (let n = 1; Object.hasOwn(fields, `Document${n}.URL`); n++)
    documents.push({
      name: fields[`Document${n}.Name`],
      mimeType: fields[`Document${n}.MimeType`],
      url: String(fields[`Document${n}.URL`]),
    })
  return documents
}
