/** What the command advises for an error, where its message does not say it already. */
import { type Unreachable, UnreachableError } from './unreachable.ts'

/** What to do, in one sentence without a full stop; `undefined` where the message says enough. */
export function adviceFor(error: unknown): string | undefined {
  return error instanceof UnreachableError ? UNREACHABLE[error.kind] : undefined
}

const UNREACHABLE: Partial<Record<Unreachable, string>> = {
  refused: 'nothing listens there: start the adapter, or correct the port',
  'unknown-host': 'this name has no address: correct it, or look at the network',
  'no-http': 'what listens there may speak TLS: write https://, or correct the port',
  'no-tls': 'correct the port, or write http:// for an adapter on this machine that has no certificate (--allow-local)',
  untrusted:
    'for this machine, name its authority, or the certificate itself, with --ca-file (and --allow-local); elsewhere the receiver needs a certificate of a public authority, sent with its intermediates, because Form Builder trusts no other',
  expired: 'renew it at the receiver, or set the clock of this machine; --ca-file does not help',
  'not-yet-valid': 'set the clock of this machine or of the one that issued it; --ca-file does not help',
  'other-name':
    'use a host name in --endpoint that the certificate has, or issue it for this one; --ca-file does not help',
  'client-certificate':
    'Form Builder sends none: the receiver must not ask for one at this path, and must allow the ciphers of Node',
}
