/** Asks the operator's page as a browser does: over HTTPS, signed in, with the fields and the cookie of a form. */
import { request } from 'node:https'
import type { TestAdapter } from '../../../src/testing/index.ts'
import { OPERATOR } from './adapter.ts'

/** An answer of the page. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** A header with user name and password. */
export const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` })
/** The header of the operator of `startOperatedAdapter`. */
export const SIGNED_IN = basic(`${OPERATOR.username}:${OPERATOR.password}`)

/** Asks for a page; with a body, posts it as a form. */
export async function ask(
  adapter: TestAdapter,
  path: string,
  headers: Record<string, string> = SIGNED_IN,
  body?: URLSearchParams,
  method = body === undefined ? 'GET' : 'POST',
): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const sending = request(
      {
        host: '127.0.0.1',
        servername: 'localhost',
        port: adapter.running.adminPort,
        ca: adapter.certificate.cert,
        path,
        method,
        headers: body === undefined ? headers : { ...headers, 'Content-Type': 'application/x-www-form-urlencoded' },
        agent: false,
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
      },
    )
    sending.on('error', reject)
    sending.end(body?.toString())
  })
}

/** The form of a decision in a browser: its hidden fields and its cookie. */
export async function formOf(adapter: TestAdapter, id: string, headers = SIGNED_IN, action = 'discard') {
  return await formAt(adapter, `/decide?action=${action}&id=${id}`, headers)
}

/** The form of any page. */
export async function formAt(adapter: TestAdapter, path: string, headers: Record<string, string> = SIGNED_IN) {
  const { text, headers: given } = await ask(adapter, path, headers)
  const fields = [...text.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)]
  const cookie = String(given['set-cookie']).split(';')[0] ?? ''
  return {
    body: new URLSearchParams(fields.map(([, name = '', value = '']): [string, string] => [name, unescaped(value)])),
    cookie,
  }
}

/** The page that a browser shows after a redirect. */
export async function followed(adapter: TestAdapter, { headers }: Answer): Promise<Answer> {
  const Cookie = String(headers['set-cookie']).split(';')[0] ?? ''
  return await ask(adapter, String(headers['location']), { ...SIGNED_IN, Cookie })
}

/** What an answer leaves for the next page, in a cookie. */
export function noticeOf({ headers }: Answer): Record<string, unknown> {
  const [, value = ''] = /__Host-done=([\w-]+);/.exec(String(headers['set-cookie'])) ?? []
  return JSON.parse(Buffer.from(value, 'base64url').toString())
}

function unescaped(html: string): string {
  return html
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&#96;', '`')
    .replaceAll('&#92;', '\\')
    .replaceAll('&amp;', '&')
}
