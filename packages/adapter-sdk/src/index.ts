/** The public names, nothing else. */
import '../node-version.cjs'

export {
  type Adapter,
  type AdapterOptions,
  createAdapter,
  defineForm,
  type FormPaths,
  type Forms,
  type Paths,
  type Rooted,
} from './adapter.ts'
export { type Config, type Environment, loadConfig } from './config.ts'
export { SETTINGS } from './config-table.ts'
export { AdapterError, ERRORS, type ErrorCode, PermanentError, RetryError, UncertainError } from './errors.ts'
export type { About, AdapterEvent, Emit } from './events.ts'
export type { Failure } from './failure.ts'
export type { CapturedFile, MissingFile, StoredFile } from './files/capture.ts'
export type { Answers, AsSent, Attachment, Context, Form, Outcome, Submission } from './form.ts'
export { type OpenApiDocument, openapi } from './openapi.ts'
export type { ActionName, ActionRequest, Done, LeftOut, OnRecord, Plan } from './operator/actions.ts'
export type { Ledger } from './operator/ledger.ts'
export type { Found } from './operator/search.ts'
export { retryAfterSeconds } from './protocol/retry-after.ts'
export {
  choice,
  flag,
  formed,
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
export type { RunningAdapter, StartOptions } from './start.ts'
export type { Claim, Ending, Loss } from './store/claim.ts'
export type {
  Action,
  Counts,
  DeadGroup,
  DeadReason,
  Detail,
  DetailedEntry,
  Entry,
  FileEntry,
  Filter,
  FormState,
  Hour,
  Moment,
  Pause,
  Refusal,
  SeenProcess,
  State,
  WaitingForFiles,
} from './store/entry.ts'
export type * from './store/store.ts'
export type { Accepted, Incoming } from './store/submission.ts'
