/** Says what is wrong when a request did not come over https through the trusted proxy: fully in the log, less to the caller. */
import {
  type ForwardedProto,
  type RefusalDescription,
  type RenderRefusal,
  renderProblem,
  type ServerEvent,
} from '@formbuilder/secure-server'
import type { AdapterEvent, Emit } from './events.ts'

type ProxyRefused = Extract<AdapterEvent, { readonly event: 'proxy.refused' }>

/** The setting that names the proxies of a port. Without any, only this machine is trusted. */
export interface ProxyTrust {
  readonly setting: ProxyRefused['setting']
  readonly isSet: boolean
}

/** Returns a listener of a server's events that also emits `proxy.refused` for each request the proxy is to blame for. */
export function serverEvents(emit: Emit, trust: ProxyTrust): (server: ServerEvent) => void {
  return (server) => {
    emit({ event: 'server', server })
    if (server.type !== 'request.refused') return
    const { reason, address, forwardedProto = 'none' } = server
    const code = codeOf(reason)
    if (code === undefined) return
    const detail = code === 'ERR_PROXY_UNTRUSTED' ? untrusted(trust) : missing(forwardedProto)
    emit({ event: 'proxy.refused', code, setting: trust.setting, address, forwardedProto, detail })
  }
}

/**
 * Renders the refusals of a server. Those about the proxy have a code. An untrusted caller may be a stranger: it learns
 * neither the setting nor what would have been accepted.
 */
export const renderRefusal: RenderRefusal = (refusal) => {
  const { headers, body } = renderProblem(refusal)
  const code = codeOf(refusal.reason)
  if (code === undefined) return { headers, body }
  const detail = code === 'ERR_PROXY_UNTRUSTED' ? STRANGER : missing(refusal.forwardedProto ?? 'none')
  return { headers, body: JSON.stringify({ ...(JSON.parse(body) as object), code, detail }) }
}

const STRANGER = 'this port serves only its own proxy, and the request came from elsewhere'

function codeOf(reason: RefusalDescription['reason']): ProxyRefused['code'] | undefined {
  if (reason === 'proxy-untrusted') return 'ERR_PROXY_UNTRUSTED'
  return reason === 'forwarded-proto' ? 'ERR_FORWARDED_PROTO_MISSING' : undefined
}

function untrusted({ setting, isSet }: ProxyTrust): string {
  if (isSet)
    return `the address is in no network of ${setting}: add it if it is the proxy's; if not, it calls this port directly`
  // Without TRUST_PROXY and without a certificate only a worker starts.
  const hint = setting === 'TRUST_PROXY' ? '; a worker takes no submissions' : ''
  return `${setting} is not set, so that only this machine may call this port${hint}`
}

function missing(found: ForwardedProto): string {
  return `${FOUND[found]}: the proxy must send X-Forwarded-Proto: https with what it receives over https`
}

const FOUND: Readonly<Record<ForwardedProto, string>> = {
  none: 'there is no X-Forwarded-Proto',
  forwarded: 'there is no X-Forwarded-Proto, and Forwarded (RFC 7239) is not read',
  empty: 'X-Forwarded-Proto is empty',
  http: 'the last entry of X-Forwarded-Proto is http',
  https: 'X-Forwarded-Proto is https', // never refused
  other: 'the last entry of X-Forwarded-Proto is neither https nor http',
}
