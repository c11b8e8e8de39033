/** What each event of a log means: the table of `docs/reference/events.md`. */
import { EVENTS as SERVER_EVENTS } from '@formbuilder/secure-server'
import type { AdapterEvent } from '../../packages/adapter-sdk/src/events.ts'
import { LEVELS, serverEventName, serverLevel } from '../../packages/adapter-sdk/src/telemetry/log.ts'
import { DEFAULT_EVENT } from '../../packages/adapter-sdk/src/telemetry/log-fields.ts'
import { LEVELS as PROVIDER_LEVELS, type ProviderEvent } from '../../packages/gp-connect-provider/src/server/events.ts'

const ADAPTER: Readonly<Record<Exclude<AdapterEvent['event'], 'server'>, string>> = {
  'adapter.started': 'The adapter listens',
  'adapter.stopping': 'It was told to stop',
  'adapter.stopped': 'It has stopped',
  'form.unspecified': 'A form does not say whether a lost attempt may be repeated',
  'form.paused': 'A person paused a form',
  'form.resumed': 'A person ended the pause of a form',
  'submission.accepted': 'A submission is stored',
  'submission.duplicate': 'A delivery of a submission that is stored already',
  'submission.replaced': 'A new copy took the place of a dead letter',
  'submission.refused': 'A delivery was refused, with its code',
  'submission.unmatched': 'A POST to a path of no form; one line a minute',
  'submission.delivered': 'The case system has it',
  'submission.dead': 'It became a dead letter: a person decides',
  'submission.redriven': 'A person put a dead letter back into the queue',
  'submission.discarded': 'A person ended a dead letter',
  'submission.retry-now': 'A person made what waits due',
  'endpoint.proven': 'A sender proved that it holds the key of a form',
  'attachment.captured': 'A file was fetched and stored',
  'attachment.failed': 'A file could not be captured',
  'attachment.served': 'A stored file was served',
  'attachment.refused': 'A request for a file was refused',
  'attempt.started': 'An attempt begins',
  'attempt.decrypted': 'A stored submission was decrypted for an attempt',
  'attempt.failed': 'An attempt failed; `retryInSeconds` is 0 where it is not repeated',
  'target.called': 'A handler called another server',
  'store.committed': 'A batch of submissions is stored',
  'store.failed': 'The store failed at what `during` says',
  'store.swept': 'What is old was erased and forgotten',
  'store.unchecked': 'The connection to the database does not check who the server is',
  'key.missing': 'Submissions are held whose key was removed from the settings',
  'operator.refused': "A request to the operator's page was refused; `why` says by what",
  'proxy.refused': 'A request did not come over https through the trusted proxy; one line a minute',
  'log.dropped': 'The reader of the log had stalled: so many lines were dropped',
  'process.warned': 'Node or a library warned of something',
  'internal.failed': 'An unexpected error',
}

type OwnProviderEvent = Exclude<ProviderEvent['type'], keyof typeof SERVER_EVENTS>

const PROVIDER: Readonly<Record<OwnProviderEvent, string>> = {
  'transaction.served': 'A request was answered as it should be',
  'transaction.refused': 'A request was refused by a check or by a handler',
  'transaction.failed': 'A request failed; `correlationId` is in the answer, too',
  'transaction.cut': 'The connection ended before the last byte of an answer',
  'audit.opened': 'The audit file is open; `torn`: its last line was cut by a crash and is repaired',
  'audit.failed': 'Requests were refused because they could not be recorded',
  'audit.checkpoint': 'The hash of the audit trail so far, to keep elsewhere',
  'switches.changed': 'What is switched on has changed',
  'switches.refused': 'The new file of switches is wrong, and changes nothing',
}

const HANDLERS: Readonly<Record<string, string>> = {
  [DEFAULT_EVENT]: 'What a handler logs without an `event`',
  'optics.case.unnamed': 'Optics adapter: Optics took a submission without naming a case',
}

/** Rows by the title of their table: name of the event, level and meaning. */
export const LOGGED: Readonly<Record<string, readonly (readonly [string, string, string])[]>> = {
  Adapter: entries(ADAPTER).map(([name, meaning]) => [name, LEVELS[name], meaning]),
  Handlers: Object.entries(HANDLERS).map(([name, meaning]) => [
    name,
    name === DEFAULT_EVENT ? 'as it asks' : 'warn',
    meaning,
  ]),
  'HTTPS server': entries(SERVER_EVENTS).map(([type, meaning]) => [serverEventName(type), serverLevel(type), meaning]),
  'GP Connect provider': entries(PROVIDER).map(([name, meaning]) => [name, PROVIDER_LEVELS[name] ?? 'info', meaning]),
}

function entries<Name extends string>(of: Readonly<Record<Name, string>>): [Name, string][] {
  return Object.entries(of) as [Name, string][]
}
