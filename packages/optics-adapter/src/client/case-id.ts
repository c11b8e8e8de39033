/** Finds case ids in an answer from Optics, and recognises an HTML page. */

/**
 * Every case id in an answer, in order and without duplicates, in XML or JSON of any shape. Optics returns several cases
 * as several JSON objects one after another, which no JSON parser accepts.
 */
export function caseIds(answer: string): string[] {
  return [...new Set([...answer.matchAll(CASE_ID)].map((match) => match[1] ?? match[2] ?? ''))]
}

/** Whether an answer is an HTML page, such as an error, a login or a maintenance notice. */
export function isPage(contentType: string, answer: string): boolean {
  return /^\s*text\/html\b/i.test(contentType) || /^\s*<(!doctype html|html)\b/i.test(answer)
}

// <caseid>1</caseid>, <CaseDetails.CaseId><![CDATA[1]]></..>, "caseid":"1", "CaseDetails.CaseId": 1
const ID = String.raw`([\w./-]{1,64})`
const CASE_ID = new RegExp(
  String.raw`<(?:\w+\.)?caseid(?:\s[^>]*)?>\s*(?:<!\[CDATA\[)?\s*${ID}\s*(?:\]\]>)?\s*<|"(?:\w+\.)?caseid"\s*:\s*(?:"(?=[^"]{1,64}")|(?=\d))${ID}`,
  'gi',
)
