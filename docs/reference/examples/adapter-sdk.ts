/** Examples of the names of @formbuilder/adapter-sdk: one block for each group, in the order in which a team meets them. */
import {
  type About,
  type Accepted,
  type Accepting,
  type Action,
  type ActionName,
  type ActionRequest,
  type Adapter,
  AdapterError,
  type AdapterEvent,
  type AdapterOptions,
  type Ages,
  type Answers,
  type AsSent,
  type Attachment,
  type CapturedFile,
  type CheckingIn,
  type Chosen,
  type Claim,
  type ClaimRef,
  type Config,
  type Context,
  type Counts,
  choice,
  createAdapter,
  type DeadGroup,
  type DeadReason,
  type Delivering,
  type Detail,
  type DetailedEntry,
  type Done,
  defineForm,
  type Emit,
  type Ending,
  type Entry,
  type Environment,
  ERRORS,
  type ErrorCode,
  type FailedDeliveries,
  type FailedDelivery,
  type Failure,
  type FileEntry,
  type Filter,
  type Forgotten,
  type Form,
  type FormPaths,
  type FormState,
  type Forms,
  type Found,
  flag,
  formed,
  type Happened,
  type Hour,
  type Incoming,
  integer,
  type KeyNeed,
  type KeyUse,
  type KeyUses,
  type KnowingKeys,
  type KnownForm,
  type Ledger,
  type LeftOut,
  type Listening,
  type Loss,
  type Lost,
  type LostAttempt,
  list,
  loadConfig,
  type Mentioned,
  type MissingFile,
  type Moment,
  type Moved,
  type OnRecord,
  type OpenApiDocument,
  type OpenOptions,
  type Operating,
  type Outcome,
  type Overdue,
  type Owner,
  type OwnProcess,
  openapi,
  type Page,
  type Parsed,
  type Paths,
  type Pause,
  type Paused,
  PermanentError,
  type Plan,
  type Position,
  type Refusal,
  RetryError,
  type Rooted,
  type RunningAdapter,
  readSettings,
  required,
  retryAfterSeconds,
  type Scanned,
  SETTINGS,
  type SeenProcess,
  type Setting,
  type Settings,
  type Settled,
  type StartOptions,
  type State,
  type Step,
  type Store,
  type StoredFile,
  type Submission,
  type Sweeping,
  type Turn,
  text,
  UncertainError,
  type Values,
  type WaitingForFiles,
  type Walked,
  type WalkState,
  type Wanted,
} from '@formbuilder/adapter-sdk'
import { answers, text as anyText } from '@formbuilder/adapter-sdk/answers'

// createAdapter, Adapter, AdapterOptions
{
  const options: AdapterOptions = {
    version: 'complaints 1.4.0',
    forms: {
      complaint: { path: '/v2/complaint', repeatable: true, handle: async () => ({ reference: 'C-1' }) },
    },
    onEvent: ({ event }) => console.log(event),
  }
  const adapter: Adapter = createAdapter(options)
  adapter.app.use((ctx) => {
    if (ctx.path === '/version') ctx.body = adapter.version
  })
  await adapter.start()
}

// defineForm, Form
{
  const complaint: Form = defineForm({
    path: '/v2/complaint',
    aliases: ['/v1/complaint'],
    services: ['make-a-complaint'],
    repeatable: false,
    timeoutSeconds: 60,
    settleSeconds: 180,
    advice: { ERR_TEAM_UNKNOWN: 'Add the team to the case system, then redrive.' },
    async handle({ submissionId }, { signal }) {
      const answer = await fetch(`https://cases.example/${submissionId}`, { method: 'PUT', signal })
      if (answer.status !== 201) throw new Error(`the case system answered ${answer.status}`)
      return { reference: submissionId }
    },
    async confirm({ submissionId }, { signal }) {
      const answer = await fetch(`https://cases.example/${submissionId}`, { signal })
      if (answer.status === 404) return undefined
      if (answer.status !== 200) throw new Error(`the case system answered ${answer.status}`)
      return { reference: submissionId }
    },
  })
  await createAdapter({ forms: { complaint } }).start()
}

// Forms, FormPaths, Paths, Rooted
{
  const forms: Forms = { complaint: { path: '/v2/complaint', handle: async () => undefined } }
  // A path without its first slash does not compile: createAdapter looks at the forms in this way, too.
  const checked: FormPaths<{ complaint: '/v2/complaint' }> = { complaint: { path: '/v2/complaint' } }
  const paths: Paths<'/v2/complaint'> = checked.complaint
  const rooted: Rooted<'/v2/complaint'> = paths.path
  console.log(Object.keys(forms), `https://adapter.example${rooted}`)
}

// Submission, Context, Outcome
{
  async function handle({ submissionId }: Submission, context: Context): Promise<Outcome> {
    const { attempt, signal, receivedAt, attachments, missingAttachments, previousReference, log } = context
    log.info({ attempt, files: attachments.length, missing: missingAttachments.length }, 'making a case')
    // In a form with repeatable: 'until-acting', right before the request that makes the case.
    await context.acting()
    const body = JSON.stringify({ key: submissionId, receivedAt, update: previousReference })
    const answer = await fetch('https://cases.example', { method: 'POST', body, signal })
    return { reference: answer.headers.get('location') ?? submissionId }
  }
  createAdapter({ forms: { complaint: { path: '/v2/complaint', repeatable: 'until-acting', handle } } })
}

// Attachment
{
  async function describe(file: Attachment): Promise<string> {
    let bytes = 0
    for await (const chunk of file.stream()) bytes += chunk.length
    return `${file.filename ?? 'a file'} (${file.mimetype ?? 'unknown'}): ${bytes} bytes, at ${file.url}`
  }
  createAdapter({
    forms: {
      letter: {
        path: '/v2/letter',
        async handle(_submission, { attachments }) {
          await Promise.all(attachments.map(describe))
        },
      },
    },
  })
}

// Answers, AsSent
{
  const schema = answers({ yourname_text_1: anyText })
  const checked: Answers<typeof schema> = { yourname_text_1: 'Ada' }
  const unchecked: Answers<AsSent> = { yourname_text_1: 'Ada', anything: ['else'] }
  console.log(checked.yourname_text_1, Object.keys(unchecked))
}

// PermanentError
{
  defineForm({
    path: '/v2/complaint',
    advice: { ERR_TEAM_UNKNOWN: 'Add the team to the case system, then redrive.' },
    async handle({ submissionAnswers }) {
      // Nothing was made, and trying again cannot help: a person decides.
      if (submissionAnswers['team_autocomplete_1'] === undefined)
        throw new PermanentError('team_autocomplete_1 names no team', { code: 'ERR_TEAM_UNKNOWN', status: 422 })
    },
  })
}

// UncertainError
{
  defineForm({
    path: '/v2/complaint',
    repeatable: false,
    async handle({ submissionId }, { signal }) {
      const answer = await fetch('https://cases.example', { method: 'POST', body: submissionId, signal })
      const reference = answer.headers.get('location')
      // There may be a case. It is looked for with confirm, or by a person.
      if (reference === null)
        throw new UncertainError('it named no case', { code: 'ERR_UNNAMED', status: answer.status })
      return { reference }
    },
  })
}

// RetryError, retryAfterSeconds
{
  defineForm({
    path: '/v2/complaint',
    async handle({ submissionId }, { signal }) {
      const answer = await fetch('https://cases.example', { method: 'POST', body: submissionId, signal })
      if (answer.status !== 503) return
      // Nothing was made. The next attempt comes no sooner than the case system asks.
      const seconds = retryAfterSeconds(answer.headers.get('retry-after') ?? undefined)
      throw new RetryError('it is closed', { code: 'ERR_CLOSED', retryAfterSeconds: seconds, status: 503 })
    },
  })
}

// AdapterError, ERRORS, ErrorCode
{
  try {
    await createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } }).start()
  } catch (error) {
    if (!(error instanceof AdapterError)) throw error
    const code: ErrorCode = error.code
    console.error(`${code}: ${ERRORS[code].meaning}`, error.retryable ? 'Try again.' : error.message)
  }
}

// StartOptions, RunningAdapter
{
  const adapter = createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } })
  const options: StartOptions = {
    environment: { ...process.env, PORT: '8443' },
    // This program has other work, and decides itself when it ends.
    ownsProcess: false,
    onEvent: ({ event }) => console.log(event),
  }
  const running: RunningAdapter = await adapter.start(options)
  console.log(`port ${running.port}, operator's page ${running.adminPort ?? 'none'}, ${running.store.kind}`)
  await running.sweep()
  await running.stop()
}

// Config, Environment, loadConfig
{
  const environment: Environment = { ...process.env, PORT: '8443' }
  const ownProblems = environment['CASEWORK_URL'] ? [] : ['CASEWORK_URL is missing']
  // It throws one AdapterError that names every problem, also these.
  const config: Config = loadConfig(environment, ['complaint'], ownProblems)
  await createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } }).start({
    config,
  })
}

// SETTINGS
{
  for (const [name, { accepts, meaning }] of Object.entries(SETTINGS)) console.log(`${name}: ${meaning} (${accepts})`)
}

// readSettings, Settings, Values, choice, flag, integer, list, required, text
{
  const settings = {
    CASEWORK_URL: required('Base URL of the case system'),
    CASEWORK_KEY: required('Key of the case system', { secret: true }),
    CASEWORK_MODE: choice('Which one', ['live', 'test'], { default: 'live' }),
    CASEWORK_TEAMS: list('Teams that get cases', { default: ['complaints'] }),
    CASEWORK_TIMEOUT_SECONDS: integer('Longest wait', { default: 30, min: 1, max: 600, unit: 'seconds' }),
    CASEWORK_NOTIFY: flag('Whether it writes to people', { default: false }),
    CASEWORK_NOTE: text('A note on every case'),
  } satisfies Settings
  const { values, problems } = readSettings(settings, process.env)
  const typed: Values<typeof settings> = values
  if (problems.length === 0) console.log(typed.CASEWORK_MODE, typed.CASEWORK_TIMEOUT_SECONDS)
}

// formed, Setting, Parsed
{
  const parse = (value: string): Parsed<URL> => {
    const url = URL.parse(value)
    return url?.protocol === 'https:' ? { value: url } : { problem: 'must be an https URL' }
  }
  const setting: Setting<URL | undefined> = formed('Base URL of the case system', '`https` URL', {}, parse)
  console.log(setting.read('http://cases.example')) // { problem: 'must be an https URL' }
}

// openapi, OpenApiDocument
{
  const adapter = createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } })
  const document: OpenApiDocument = openapi(adapter)
  console.log(JSON.stringify(document, undefined, 2), Object.keys(document.paths))
}

// AdapterEvent, Emit, About
{
  const onEvent: Emit = (event: AdapterEvent) => {
    if (event.event !== 'submission.dead') return
    const about: About = event
    console.error(`${about.form} ${about.submissionId}: ${event.code}${event.uncertain ? ', uncertain' : ''}`)
  }
  createAdapter({ onEvent, forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } })
}

// Failure
{
  function summary({ name, code, status, frames, causes = [] }: Failure): string {
    return [name, code, status, frames[0], ...causes.map((cause) => cause.name)].filter(Boolean).join(', ')
  }
  createAdapter({
    forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } },
    onEvent(event) {
      if (event.event === 'attempt.failed' && event.failure) console.error(summary(event.failure))
    },
  })
}

// Ledger, Filter, State, Entry, DetailedEntry, Moment
{
  async function print(ledger: Ledger, state: State): Promise<void> {
    const filter: Filter = { state, form: 'complaint', receivedAfter: new Date('2026-11-21'), limit: 20 }
    const entries: Entry[] = await ledger.list(filter)
    for (const { id } of entries) {
      const entry: DetailedEntry = await ledger.show(id)
      const last: Moment | undefined = entry.timeline.at(-1)
      console.log(entry.submissionId, entry.attempts, entry.code, last?.what, last?.at)
    }
  }
  const adapter = createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } })
  const { ledger } = await adapter.start()
  await print(ledger, 'dead')
}

// ActionName, ActionRequest, Plan, LeftOut, OnRecord, Done
{
  async function redriveTimeouts(ledger: Ledger): Promise<number> {
    const action: ActionName = 'redrive'
    const request: ActionRequest = { action, filter: { state: 'dead', code: 'ERR_HANDLER_FAILED' } }
    const plan: Plan = await ledger.plan(request)
    const leftOut: LeftOut = plan.leftOut
    console.log(`${plan.count} submissions; ${leftOut.uncertain} are uncertain, and left out`)
    const record: OnRecord = { by: 'a.example', reason: 'the case system is back' }
    const done: Done = await ledger.carryOut(plan, record)
    return done.count
  }
  const adapter = createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } })
  console.log(await redriveTimeouts((await adapter.start()).ledger))
}

// Counts, DeadGroup, WaitingForFiles, Hour, Action
{
  async function report(store: Store): Promise<string[]> {
    const counts: Counts = await store.counts()
    const groups: DeadGroup[] = await store.deadGroups()
    const forFiles: WaitingForFiles[] = await store.waitingForFiles()
    const hours: Hour[] = await store.hours(24)
    const actions: Action[] = await store.actions({ limit: 10, offset: 0 })
    return [
      `${counts.waiting} wait, the oldest for ${counts.oldestWaitingSeconds} s`,
      ...groups.map(({ form, code, count }) => `${form}: ${count} of ${code}`),
      ...forFiles.map(({ host, code, count }) => `${count} wait for files of ${host}: ${code}`),
      ...hours.map(({ hour, accepted, delivered }) => `${hour}: ${accepted} accepted, ${delivered} delivered`),
      ...actions.map(({ at, action, by }) => `${at}: ${action} by ${by}`),
    ]
  }
  const adapter = createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } })
  console.log(await report((await adapter.start()).store))
}

// Store, OpenOptions
{
  async function startOn(open: (options: OpenOptions) => Promise<Store>): Promise<void> {
    const adapter = createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } })
    const { store } = await adapter.start({ store: open })
    await store.check()
    store.lost.then((error) => console.error(error.message))
  }
  console.log(typeof startOn)
}

// Accepting, Incoming, Accepted, FailedDelivery, FailedDeliveries
{
  async function take(store: Accepting, incoming: Incoming): Promise<string> {
    const [accepted]: readonly (Accepted | undefined)[] = await store.accept([incoming])
    if (accepted !== undefined) return accepted
    const { form, submissionId } = incoming
    const failed: FailedDelivery = { form, submissionId, host: 'files.example', code: 'ERR_ATTACHMENT_UNAVAILABLE' }
    const deliveries: FailedDeliveries = await store.countFailedDelivery(failed)
    return `${deliveries.count} since ${deliveries.firstAt.toISOString()}`
  }
  console.log(typeof take)
}

// StoredFile, CapturedFile, MissingFile
{
  function captured(files: readonly StoredFile[]): readonly CapturedFile[] {
    const missing = files.filter((file): file is MissingFile => 'missing' in file)
    for (const { missing: code, message } of missing) console.error(code, message)
    return files.filter((file): file is CapturedFile => 'id' in file)
  }
  console.log(captured([]).map(({ id }) => id))
}

// Delivering, Turn, Wanted, Settled, Claim, ClaimRef, Ending, Listening
{
  async function runOne(store: Delivering, handle: (claim: Claim) => Promise<string>): Promise<void> {
    const listening: Listening = await store.onDue(() => console.log('something is due'))
    const wanted: Wanted = { form: 'complaint', most: 1, suspects: 0 }
    const [claim] = await store.turn({ settle: [], claim: [wanted], leaseSeconds: 30 })
    if (claim !== undefined) {
      const ref: ClaimRef = claim
      await store.acting([ref])
      const ending: Ending = { outcome: 'delivered', reference: await handle(claim), confirmed: false }
      const settled: Settled = { claim: ref, ending }
      const turn: Turn = { settle: [settled], claim: [], leaseSeconds: 30 }
      await store.turn(turn)
    }
    await listening.close()
  }
  console.log(typeof runOne)
}

// Overdue, LostAttempt, Lost, Loss
{
  async function endLost(store: Delivering, loss: Loss): Promise<readonly Lost[]> {
    const overdue: readonly Overdue[] = await store.overdue()
    const attempts = overdue.map(
      (seen): LostAttempt => ({
        ...{ seen, loss, canConfirm: true, delaySeconds: 30, settleSeconds: 300, leaseSeconds: 30, mostLosses: 5 },
      }),
    )
    return await store.endLost(attempts)
  }
  console.log(typeof endLost)
}

// Operating, Page, Walked, WalkState, Step, Position, Chosen, Moved, KnownForm
{
  async function redriveAll(store: Operating, state: WalkState): Promise<number> {
    const forms: KnownForm[] = await store.forms()
    console.log(forms.map(({ name, asksFirst }) => `${name}${asksFirst ? ', which can confirm' : ''}`))
    const page: Page = { limit: 20, offset: 0 }
    console.log((await store.list({ state }, page)).length)
    let after: Position | null = null
    let count = 0
    do {
      const step: Step = { limit: 500, after }
      const walked: Walked = await store.walk(state, { uncertain: false }, step)
      const chosen: Chosen = walked.entries.map(({ id, revision }) => ({ id, revision }))
      const moved: Moved[] = await store.redrive(chosen, 'a.example', 'the case system is back')
      count += moved.length
      after = walked.next
    } while (after !== null)
    return count
  }
  console.log(typeof redriveAll)
}

// Mentioned
{
  async function isKnown(store: Operating, code: string): Promise<boolean> {
    const { codes }: Mentioned = await store.mentioned()
    return codes.includes(code)
  }
  console.log(typeof isKnown)
}

// KnowingKeys, KeyUse, KeyUses, KeyNeed
{
  async function unneeded(store: KnowingKeys): Promise<readonly KeyUse[]> {
    const { uses }: KeyUses = await store.keyUses()
    const needs: readonly KeyNeed[] = await store.keyNeeds()
    return uses.filter(({ form, keyId }) => !needs.some((need) => need.form === form && need.keyId === keyId))
  }
  console.log(typeof unneeded)
}

// Sweeping, Ages, Forgotten, Owner
{
  async function sweep(store: Sweeping, fileId: string): Promise<number> {
    const owner: Owner | undefined = await store.ownerOf(fileId)
    if (owner === undefined) await store.giveUp([fileId])
    const day = 86_400
    const ages: Ages = {
      ...{ endedSeconds: 35 * day, failedDeliverySeconds: 21 * day, hourSeconds: 35 * day, givenUpSeconds: day },
    }
    const forgotten: Forgotten = await store.forget(ages, 500)
    return forgotten.submissions
  }
  console.log(typeof sweep)
}

// FormState, Pause, Paused
{
  async function pauseFailing(store: Operating): Promise<void> {
    const forms: FormState[] = await store.forms()
    for (const { name, failuresInARow, paused } of forms) {
      const pause: Pause | null = paused
      if (failuresInARow < 20 || pause !== null) continue
      const outcome: Paused = await store.pause(name, 'a.example', 'the case system is being repaired')
      console.log(name, outcome)
    }
  }
  console.log(typeof pauseFailing)
}

// DeadReason, Detail, FileEntry
{
  function describe(reasons: readonly DeadReason[], detail: Detail): string[] {
    const files: readonly FileEntry[] = detail.files
    return [
      ...reasons.map(({ form, code, reason, count }) => `${count} of ${form}: ${code}, ${reason}`),
      ...files.map((file) => ('bytes' in file ? `${file.bytes} bytes` : `missing: ${file.missing}`)),
    ]
  }
  console.log(typeof describe)
}

// Scanned
{
  async function search(store: Operating, reference: string): Promise<number> {
    const { entries, next }: Scanned = await store.scan({ reference }, { limit: 500, after: null })
    if (next !== null) console.log('there is more to look at')
    return entries.length
  }
  console.log(typeof search)
}

// CheckingIn, OwnProcess, Happened, Refusal, SeenProcess
{
  async function checkIn(store: CheckingIn, others: readonly SeenProcess[]): Promise<void> {
    const self: OwnProcess = { id: crypto.randomUUID(), role: 'worker', version: 'complaints 1.4.0' }
    const refusal: Refusal = { form: 'complaint', code: 'ERR_SUBMISSION_INVALID', count: 1 }
    const happened: Happened = { ended: [], refused: [refusal] }
    await store.checkIn(self, happened)
    for (const { id, silentSeconds } of others) if (silentSeconds > 60) console.log(`${id} is silent`)
    await store.checkOut(self.id)
  }
  console.log(typeof checkIn)
}

// Found
{
  function summary({ entries, total, searchedFrom }: Found): string {
    const of = searchedFrom === null ? '' : `, of those received since ${searchedFrom.toISOString()}`
    return `${entries.length} of ${total}${of}`
  }
  console.log(typeof summary)
}
