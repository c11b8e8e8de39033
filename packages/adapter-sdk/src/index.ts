/** The public names, nothing else. */
export {
  type Adapter,
  type AdapterOptions,
  createAdapter,
  defineForm,
  type Forms,
  type RunningAdapter,
  type StartOptions,
} from './adapter.ts'
export { type Config, type Environment, loadConfig, SETTINGS } from './config.ts'
export { AdapterError, ERRORS, type ErrorCode, PermanentError, UncertainError } from './errors.ts'
export type { About, AdapterEvent, Emit } from './events.ts'
export type { Answers, AsSent, Attachment, Context, Form, Outcome, Submission } from './form.ts'
export { type OpenApiDocument, openapi } from './openapi.ts'
export type { Counts, Entry, Filter, Ledger, Moment, Record as LedgerRecord, State } from './operator/ledger.ts'
export type { Inbox } from './receiver/arrivals.ts'
export {
  choice,
  flag,
  integer,
  list,
  type Parsed,
  readSettings,
  required,
  type Setting,
  type Settings,
  text,
  type Values,
} from './settings.ts'
export type { Storage } from './store/storage.ts'
