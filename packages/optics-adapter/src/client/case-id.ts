/** Case ids in what Optics answers. */

/**
 * Every case id in an answer, in order and once each: XML or JSON, whatever is wrapped around it. Several cases come as
 * several JSON objects one after another, which no JSON parser reads.
 */
export function caseIds(answer: string): string[] {
  return [...new Set([...answer.matchAll(CASE_ID)].map((match) => match[1] ?? match[2] ?? ''))]
}

/** Whether an answer is a page for people: an error, a login, a notice of maintenance. */
export function isPage(contentType: string, answer: string): boolean {
  return /^\s*text\/html\b/i.test(contentType) || /^\s*<(!doctype html|html)\b/i.test(answer)
}

// <caseid>1</caseid>, <CaseDetails.CaseId><![CDATA[1]]></..>, "caseid":"1", "CaseDetails.CaseId": 1
const ID = String.raw`([\w./-]{1,64})`
const CASE_ID = new RegExp(
  String.raw`<(?:\w+\.)?caseid(?:\s[^>]*)?>\s*(?:<!\[CDATA\[)?\s*${ID}\s*(?:\]\]>)?\s*<|"(?:\w+\.)?caseid"\s*:\s*(?:"(?=[^"]{1,64}")|(?=\d))${ID}`,
  'gi',
)
