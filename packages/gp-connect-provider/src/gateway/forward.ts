/** Forwards requests that have passed every check to a system that speaks HTTP. */
import type { Listener } from '@formbuilder/secure-server'
import type { Dispatcher } from 'undici'
import type { GuardedRequests } from '../server/guarded-requests.ts'
import { CLAIMS_HEADER, requestHeaders } from './forwarded-headers.ts'
import { Relay } from './relay.ts'
import type { Upstream } from './upstream.ts'

/** A listener that forwards each request, once, and passes the answer on. */
export function forwarder(guarded: GuardedRequests, upstream: Upstream): Listener {
  return async (request, response) => {
    const exchange = await guarded.admit(request, response)
    if (exchange === 'refused') return
    const { method, target, sentBody } = exchange
    const claims = upstream.sign(exchange)
    const relay = new Relay(response, upstream.headersSeconds, (error) => void guarded.fail(response, error))
    upstream.dispatch(
      {
        method: method as Dispatcher.HttpMethod,
        path: target,
        headers: [...requestHeaders(request, sentBody !== undefined), CLAIMS_HEADER, claims],
        body: sentBody ?? null,
      },
      relay,
    )
  }
}
