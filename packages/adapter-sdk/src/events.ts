/** What happens in an adapter, as typed records: the one source of logs, metrics and traces. None can carry an answer. */
import type { ForwardedProto, ServerEvent } from '@formbuilder/secure-server'
import type { ErrorCode } from './errors.ts'
import { type Failure, failureOf, namesText } from './failure.ts'

/** Which submission an event is about. Ids and names of forms only. */
export interface About {
  readonly form: string
  readonly submissionId: string
}

/** Something that happened. */
export type AdapterEvent =
  | {
      readonly event: 'adapter.started'
      readonly port: number
      readonly store: 'sqlite' | 'postgres'
      readonly forms: number
    }
  /** A form does not say whether a lost attempt may be repeated, so it is. */
  | { readonly event: 'form.unspecified'; readonly form: string; readonly detail: string }
  | { readonly event: 'adapter.stopping' }
  | { readonly event: 'adapter.stopped' }
  | (About & {
      readonly event: 'submission.accepted'
      readonly bytes: number
      readonly files: number
      readonly milliseconds: number
      /** Position of the key that fitted: 0 is the current one. */
      readonly keyPosition: number
    })
  | (About & { readonly event: 'submission.duplicate'; readonly keyPosition: number })
  /** A new copy took the place of a dead letter. */
  | (About & { readonly event: 'submission.replaced'; readonly keyPosition: number })
  /** A sender proved that it holds the form's key, and got the proof that this is the form. */
  | { readonly event: 'endpoint.proven'; readonly form: string; readonly keyPosition: number }
  /** A POST to a path of no form; `forms` are the paths there are. */
  | {
      readonly event: 'submission.unmatched'
      readonly path: string
      readonly forms: readonly string[]
      readonly detail: string
    }
  | { readonly event: 'submission.refused'; readonly form: string; readonly code: ErrorCode; readonly status: number }
  | (About & { readonly event: 'attachment.captured'; readonly position: number; readonly bytes: number })
  | (About & { readonly event: 'attachment.failed'; readonly position: number; readonly code: ErrorCode })
  | { readonly event: 'attachment.served'; readonly id: string; readonly bytes: number; readonly milliseconds: number }
  | { readonly event: 'attachment.refused'; readonly code: ErrorCode }
  | (About & { readonly event: 'attempt.started'; readonly attempt: number })
  /** A stored submission was decrypted for an attempt. */
  | (About & { readonly event: 'attempt.decrypted'; readonly keyPosition: number })
  /** A handler called another server over HTTP. `milliseconds`: until the answer started, or the call failed. */
  | (About & {
      readonly event: 'target.called'
      readonly milliseconds: number
      /** First digit of the status; `failed`: no answer. */
      readonly outcome: '1xx' | '2xx' | '3xx' | '4xx' | '5xx' | 'failed'
    })
  | (About & {
      readonly event: 'submission.delivered'
      readonly attempt: number
      readonly milliseconds: number
      readonly confirmed: boolean
      /** Whether the case system named what was made. */
      readonly referenced: boolean
    })
  | (About & {
      readonly event: 'attempt.failed'
      readonly attempt: number
      readonly milliseconds: number
      readonly code: string
      readonly retryInSeconds: number
      /** Text of this package. Absent where the handler's own error could quote an answer. */
      readonly detail?: string
      /** What is known of the error, where one was thrown. */
      readonly failure?: Failure
    })
  | (About & {
      readonly event: 'submission.dead'
      readonly attempt: number
      readonly code: string
      readonly uncertain: boolean
      readonly failure?: Failure
    })
  | (About & { readonly event: 'submission.redriven'; readonly by: string })
  | (About & { readonly event: 'submission.discarded'; readonly by: string })
  /** A person made a waiting submission due. */
  | (About & { readonly event: 'submission.retry-now'; readonly by: string })
  /** A person paused a form, or ended the pause. */
  | { readonly event: 'form.paused' | 'form.resumed'; readonly form: string; readonly by: string }
  | { readonly event: 'store.committed'; readonly submissions: number; readonly milliseconds: number }
  /** At each start: submissions are held whose key was removed from the settings. They cannot be handed out, nor their files be read. */
  | {
      readonly event: 'key.missing'
      readonly form: string
      readonly waiting: number
      readonly dead: number
      readonly kept: number
      readonly detail: string
    }
  /** At each start: the connection to the database does not check who the server is. */
  | { readonly event: 'store.unchecked'; readonly detail: string }
  | { readonly event: 'store.failed'; readonly during: string; readonly code: string }
  | {
      readonly event: 'store.swept'
      readonly submissions: number
      readonly files: number
      readonly oldDeadLetters: number
    }
  /** A request to the operator's page was refused: wrong credentials, a name that cannot be used (`detail` says why, without it), a form of another page, or somebody who may only look. */
  | { readonly event: 'operator.refused'; readonly why: 'identity' | 'csrf' | 'read-only'; readonly detail?: string }
  /** A request did not come over https through the trusted proxy. `detail` says what is wrong and what to do. */
  | {
      readonly event: 'proxy.refused'
      readonly code: 'ERR_PROXY_UNTRUSTED' | 'ERR_FORWARDED_PROTO_MISSING'
      /** The setting that names the proxies of this port. */
      readonly setting: 'TRUST_PROXY' | 'ADMIN_TRUSTED_PROXIES'
      /** The peer's. */
      readonly address: string
      readonly forwardedProto: ForwardedProto
      readonly detail: string
    }
  /** An event of the HTTPS server: certificates, refused connections and requests. */
  | { readonly event: 'server'; readonly server: ServerEvent }
  /** The reader of the log has stalled, and reads again: so many lines were dropped. */
  | { readonly event: 'log.dropped'; readonly lines: number }
  /** Node or a library warned of something. */
  | { readonly event: 'process.warned'; readonly code: string }
  | { readonly event: 'internal.failed'; readonly during: string; readonly code: string; readonly failure?: Failure }

/** Receives one event. Must not throw. */
export type Emit = (event: AdapterEvent) => void

/** A foreign error as it may be logged or stored: its name and codes only, because its message may quote a citizen. */
export function errorName(error: unknown): string {
  return namesText(failureOf(error))
}
