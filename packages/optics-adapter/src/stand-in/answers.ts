/** Builds the answers of iCasework, in the shape that was recorded from it. */
import type { StandInCase } from './cases.ts'

/** An answer to a request. */
export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** An error. iCasework sends errors as HTML pages, whatever format was asked for. */
export function errorPage(status: number, headers: Readonly<Record<string, string>> = {}): Answer {
  const page = `<!DOCTYPE html><html><head><title>Error ${status}</title></head><body><h1>Error ${status}</h1></body></html>`
  return { status, type: 'text/html;charset=UTF-8', body: page, headers }
}

/** An error that has a code and a name in its headers. */
export function applicationError(status: number, code: string, info: string): Answer {
  return errorPage(status, { 'X-Application-Error-Code': code, 'X-Application-Error-Info': info })
}

/** The answer to a wrong database name: 200 and no body. */
export const emptyAnswer: Answer = { status: 200, type: 'text/plain', body: '' }

/** The answer to a token request. */
export function tokenAnswer(accessToken: string, expiresIn: number): Answer {
  return json({ access_token: accessToken, token_type: 'Bearer', expires_in: expiresIn })
}

/** The answer to createcase, in XML unless the fields ask for JSON. */
export function createcaseAnswer({ caseId, fields }: Pick<StandInCase, 'caseId' | 'fields'>): Answer {
  const team = String(fields['AssignedTeam'] ?? fields['Team'] ?? '')
  if (fields['Format'] === 'json') return json({ createcaseresponse: { caseid: caseId, team } })
  return xml(`<createcaseresponse><caseid>${caseId}</caseid><team>${escapeXml(team)}</team></createcaseresponse>`)
}

/** The answer to getcaseattribute. In JSON it is one object for each case, one after another, not in a list. */
export function attributeAnswer(cases: readonly StandInCase[], format: string | null): Answer {
  const objects = cases.map(({ caseId }) => ({ getcaseattributeresponse: { CaseId: caseId } }))
  if (format === 'json') return { ...json({}), body: objects.map((object) => JSON.stringify(object)).join('\n') }
  const elements = cases.map(({ caseId }) => `<CaseId>${caseId}</CaseId>`).join('')
  return xml(`<getcaseattributeresponse>${elements}</getcaseattributeresponse>`)
}

/** The answer to getcasedetails. */
export function detailsAnswer(cases: readonly StandInCase[], format: string | null): Answer {
  const objects = cases.map(({ caseId, externalId }) => ({
    'CaseDetails.CaseId': caseId,
    ...(externalId !== undefined && { 'CaseDetails.ExternalId': externalId }),
  }))
  if (format === 'json') return { ...json({}), body: objects.map((object) => JSON.stringify(object)).join('\n') }
  const elements = objects.map((object) =>
    Object.entries(object)
      .map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`)
      .join(''),
  )
  return xml(`<Cases>${elements.map((element) => `<Case>${element}</Case>`).join('')}</Cases>`)
}

/** The answer to getcasedocuments. For an unknown case it lists no documents. */
export function documentsAnswer(cases: readonly StandInCase[]): Answer {
  const documents = cases
    .flatMap(({ documents }) => documents)
    .filter(({ fetched }) => fetched !== undefined)
    .map(({ name, mimeType, url }, index) => {
      const attributes = `Id="D${index + 1}" Name="${escapeXml(String(name))}" Type="${escapeXml(String(mimeType))}"`
      return `<Document ${attributes}>${escapeXml(url)}</Document>`
    })
  return xml(documents.length === 0 ? '<Documents />' : `<Documents>${documents.join('')}</Documents>`)
}

function json(value: unknown): Answer {
  return { status: 200, type: 'application/json;charset=UTF-8', body: JSON.stringify(value) }
}

function xml(element: string): Answer {
  return { status: 200, type: 'text/xml;charset=UTF-8', body: `<?xml version="1.0" encoding="UTF-8"?>\n${element}` }
}

function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
