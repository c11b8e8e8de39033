/** Calls to a stand-in for Optics, as an adapter makes them. */
import axios from 'axios'
import { assertion } from '../../src/client/token.ts'
import type { OpticsStandIn } from '../../src/stand-in/index.ts'
import { KEYS } from '../optics-client.ts'

/** Returns every answer as text, whatever its status. */
export const http = axios.create({ validateStatus: () => true, proxy: false, maxRedirects: 0, responseType: 'text' })

export async function tokenFrom(url: string): Promise<string> {
  const grant = {
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion: await assertion({ endpoint: url, ...KEYS }, new Date()),
  }
  const { data } = await http.post(`${url}/token?db=hmcts`, new URLSearchParams(grant))
  return JSON.parse(data).access_token
}

export async function callStandIn(
  { url }: OpticsStandIn,
  method: 'get' | 'post',
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
) {
  const authorization = { Authorization: `Bearer ${await tokenFrom(url)}` }
  return http.request({ method, url: `${url}${path}`, data: body, headers: { ...authorization, ...headers } })
}

export async function createCase(standIn: OpticsStandIn, fields: object) {
  return callStandIn(standIn, 'post', '/createcase?db=hmcts', { Type: 'Complaint', ...fields })
}
