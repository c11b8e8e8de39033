/** The store in PostgreSQL: any number of processes share it. */
import pg from 'pg'
import { AdapterError } from '../../errors.ts'
import { errorName } from '../../events.ts'
import type { StoredFile } from '../../files/capture.ts'
import { attachmentTables, tableStore } from '../../files/table.ts'
import type { Claim } from '../claim.ts'
import type {
  Action,
  Counts,
  DeadGroup,
  DeadReason,
  Detail,
  Entry,
  Filter,
  FormState,
  Hour,
  Moment,
  Refusal,
  SeenProcess,
  WaitingForFiles,
} from '../entry.ts'
import type {
  ClaimRef,
  FailedDeliveries,
  FailedDelivery,
  Forgotten,
  KeyNeed,
  KeyUse,
  KeyUses,
  KnownForm,
  Lost,
  Mentioned,
  Moved,
  OpenOptions,
  Overdue,
  Owner,
  Paused,
  Position,
  Scanned,
  Store,
  Turn,
  Walked,
} from '../store.ts'
import { type Accepted, type Incoming, isRowId, rowId } from '../submission.ts'
import { fileEntry, storableOrNull, traceIdOf } from '../text.ts'
import * as accept from './accept.ts'
import { DueNotices } from './due-notices.ts'
import * as forms from './forms.ts'
import * as keys from './keys.ts'
import * as ledger from './ledger.ts'
import { openPool, type Pool, type Statement, withConnection } from './pool.ts'
import * as processes from './processes.ts'
import * as queue from './queue.ts'
import * as sweep from './sweep.ts'
import { assertStartable, assertVersion, FILE_SCHEMA, migrate, SCHEMA } from './tables.ts'

/** Where a PostgreSQL is, and how many connections may be opened to it. */
export interface PostgresPlace {
  readonly url: string
  readonly connections: number
}

/**
 * Opens the store in PostgreSQL 14 or newer. A start (`migrate`) brings the tables to this version, and works on tables
 * that are one version newer: during a rolling upgrade, processes of both versions run and are started.
 * @throws {AdapterError} ERR_STORE_UNAVAILABLE: it cannot be reached, the server is older, its tables are of another version
 * or may not be made.
 */
export async function openPostgres(place: PostgresPlace, options: OpenOptions): Promise<Store> {
  const pool = await openPool(place.url, place.connections, options.onFailure ?? (() => undefined))
  try {
    if (options.migrate) {
      await withConnection(place.url, (client) => migrate(client))
      await pool.pool.query(attachmentTables(FILE_SCHEMA))
      await assertStartable(pool.pool)
    } else {
      await assertVersion(pool.pool)
    }
    return new PostgresStore(pool, options)
  } catch (error) {
    await pool.close()
    throw openFailure(error)
  }
}

/** What went wrong when the tables were made or looked at. The server's own words stay out: they may quote a setting. */
function openFailure(cause: unknown): AdapterError {
  if (cause instanceof AdapterError) return cause
  const why =
    cause instanceof pg.DatabaseError && cause.code === INSUFFICIENT_PRIVILEGE
      ? `the user of DATABASE_URL must be allowed to create the schemas ${SCHEMA} and ${FILE_SCHEMA}, and own their tables`
      : errorName(cause)
  return new AdapterError('ERR_STORE_UNAVAILABLE', `the tables cannot be used: ${why}`, { cause })
}

const INSUFFICIENT_PRIVILEGE = '42501'

interface DetailRow {
  readonly files: readonly StoredFile[]
  readonly traceparent: string | null
}

class PostgresStore implements Store {
  readonly kind = 'postgres'
  readonly files
  /** A server that is gone comes back: the process never has to exit for it. */
  readonly lost = new Promise<Error>(() => undefined)
  readonly #pool: Pool
  readonly #notices: DueNotices
  readonly #horizonSeconds: number
  readonly #now: () => Date | null
  readonly #slot = Math.floor(Math.random() * 16)

  constructor(pool: Pool, { horizonSeconds, now }: OpenOptions) {
    this.#pool = pool
    this.#notices = new DueNotices(pool)
    this.#horizonSeconds = horizonSeconds
    this.#now = now ?? (() => null)
    this.files = tableStore(pool.pool, FILE_SCHEMA)
  }

  async accept(submissions: readonly Incoming[]): Promise<readonly Accepted[]> {
    const ids = submissions.map(({ form, submissionId }) => rowId(form, submissionId))
    // Of copies in one batch the first is written.
    const rows = new Map(submissions.map((incoming, i) => [ids[i] as string, incoming] as const).toReversed())
    const values = accept.acceptValues(rows, this.#slot, this.#now())
    try {
      const written = await this.#pool.query<{ id: string; outcome: Accepted }>(accept.ACCEPT, values)
      if (written.length > 0) this.#notices.tell()
      return accept.acceptResults(ids, written)
    } catch (cause) {
      if (!isGivenUp(cause)) throw cause
      throw new AdapterError('ERR_STORE_UNAVAILABLE', 'a file was given up while it was captured', {
        cause,
        retryable: true,
      })
    }
  }

  async isHeld(id: string): Promise<boolean> {
    const [row] = await this.#pool.query<{ held: boolean }>(accept.IS_HELD, [id])
    return row?.held ?? false
  }

  async countFailedDelivery(failed: FailedDelivery): Promise<FailedDeliveries> {
    const values = accept.failedDeliveryValues(failed, this.#now())
    const [row] = await this.#pool.query<FailedDeliveries>(accept.COUNT_FAILED_DELIVERY, values)
    return row as FailedDeliveries // the statement always returns one row
  }

  async turn(turn: Turn): Promise<Claim[]> {
    const [settling, claiming] = [turn.settle.length > 0, turn.claim.some((w) => w.most + w.suspects > 0)]
    const settle = settling ? [queue.endedRows(turn.settle), this.#slot] : []
    const claim = claiming ? [queue.wantedRows(turn), turn.leaseSeconds, this.#horizonSeconds] : []
    if (!settling && !claiming) return []
    const statement = settling && claiming ? queue.SETTLE_AND_CLAIM : settling ? queue.SETTLE : queue.CLAIM_DUE
    return await this.#pool.query<Claim>(statement, [...settle, ...claim, this.#now()])
  }

  async overdue(): Promise<Overdue[]> {
    return await this.#pool.query<Overdue>(queue.OVERDUE, [this.#horizonSeconds, this.#now()])
  }

  async endLost(lost: Parameters<Store['endLost']>[0]): Promise<Lost[]> {
    return await this.#pool.query<Lost>(queue.END_LOST, [queue.lostRows(lost), this.#slot, this.#now()])
  }

  async acting(claims: readonly ClaimRef[]): Promise<readonly boolean[]> {
    return held(claims, await this.#pool.query<ClaimRef>(queue.ACTING, [refs(claims), this.#now()]))
  }

  async renew(claims: readonly ClaimRef[], leaseSeconds: number): Promise<readonly boolean[]> {
    return held(claims, await this.#pool.query<ClaimRef>(queue.RENEW, [refs(claims), leaseSeconds, this.#now()]))
  }

  async release(claims: readonly Claim[]): Promise<void> {
    const rows = claims.map((claim) => {
      const { dueAt, approved, revision } = claim
      return { ...queue.claimRow(claim), due_at: dueAt, approved, revision }
    })
    await this.#pool.query(queue.RELEASE, [JSON.stringify(rows.toSorted(queue.byId))])
  }

  async onDue(wake: () => void): Promise<{ close(): Promise<void> }> {
    return await this.#notices.listen(wake)
  }

  async list(filter: Filter, page: { readonly limit: number; readonly offset: number }): Promise<Entry[]> {
    const { values, ...statement } = ledger.list(filter, page)
    return await this.#pool.query<Entry>(statement, values)
  }

  async count(filter: Filter, most?: number): Promise<number> {
    const { values, ...statement } = ledger.count(filter, most)
    const [row] = await this.#pool.query<{ count: number }>(statement, values)
    return row?.count ?? 0
  }

  async receivedBehind(newer: number, before?: Date): Promise<Date | null> {
    const [row] = await this.#pool.query<{ receivedAt: Date }>(ledger.RECEIVED_BEHIND, [before ?? null, newer])
    return row?.receivedAt ?? null
  }

  async scan(...[filter, { limit, after }]: Parameters<Store['scan']>): Promise<Scanned> {
    const from = after ?? ledger.SCAN_START
    const end = [...from, filter.receivedAfter ?? null, limit - 1]
    const [last] = await this.#pool.query<{ position: Position }>(ledger.SCAN_END, end)
    const next = last?.position ?? null
    const { values, ...statement } = ledger.scan(filter, from, next)
    return { entries: await this.#pool.query<Entry>(statement, values), next }
  }

  async detail(id: string): Promise<Detail | undefined> {
    if (!isRowId(id)) return undefined
    const [row] = await this.#pool.query<Omit<Detail, 'traceId' | 'files'> & DetailRow>(ledger.DETAIL, [id])
    if (row === undefined) return undefined
    const { traceparent, files, ...rest } = row
    return { ...rest, files: files.map(fileEntry), traceId: traceIdOf(traceparent) }
  }

  async recordForms(known: readonly KnownForm[]): Promise<void> {
    await this.#pool.query(forms.RECORD_FORMS, [forms.formRows(known)])
  }

  async forms(): Promise<FormState[]> {
    return await this.#pool.query<FormState>(forms.FORMS, [])
  }

  async pause(...[form, by, reason]: Parameters<Store['pause']>): Promise<Paused> {
    return await this.#changeForm(forms.PAUSE, form, by, reason)
  }

  async resume(...[form, by, reason]: Parameters<Store['resume']>): Promise<Paused> {
    return await this.#changeForm(forms.RESUME, form, by, reason)
  }

  async #changeForm(statement: Statement, form: string, by: string, reason: string | null): Promise<Paused> {
    const values = forms.changeValues(form, by, reason, this.#now())
    const [row] = await this.#pool.query<{ outcome: Paused }>(statement, values)
    return (row as { outcome: Paused }).outcome // the statement always returns one row
  }

  async mentioned(reason?: string) {
    const [row] = await this.#pool.query<Mentioned>(ledger.MENTIONED, [storableOrNull(reason)])
    return row as Mentioned // the statement always returns one row
  }

  async walk(...[state, filter, step]: Parameters<Store['walk']>): Promise<Walked> {
    const { values, ...statement } = ledger.walk(state, filter, step)
    const rows = await this.#pool.query<Entry & ledger.WalkRow>(statement, values)
    const latest = rows.reduce((most, row) => Math.max(most, row.latest), 0)
    const entries = rows.map(({ walked: _walked, latest: _latest, ...entry }) => entry)
    return { entries, next: ledger.nextPosition(state, step, rows), latest }
  }

  async history(id: string): Promise<Moment[]> {
    return await this.#pool.query<Moment>(ledger.HISTORY, [id])
  }

  async counts(): Promise<Counts> {
    const [counts] = await this.#pool.query<Omit<Counts, 'deadByCode'>>(ledger.COUNTS, [this.#now()])
    const codes = await this.#pool.query<{ code: string; count: number }>(ledger.DEAD_BY_CODE, [])
    const deadByCode = Object.fromEntries(codes.map(({ code, count }) => [code, count]))
    return { ...(counts as Omit<Counts, 'deadByCode'>), deadByCode } // the statement always returns one row
  }

  async deadGroups(): Promise<DeadGroup[]> {
    return await this.#pool.query<DeadGroup>(ledger.DEAD_GROUPS, [])
  }

  async deadReasons(most: number): Promise<DeadReason[]> {
    return await this.#pool.query<DeadReason>(ledger.DEAD_REASONS, [most])
  }

  async waitingForFiles(): Promise<WaitingForFiles[]> {
    return await this.#pool.query<WaitingForFiles>(ledger.WAITING_FOR_FILES, [this.#now()])
  }

  async hours(count: number, form?: string): Promise<Hour[]> {
    return await this.#pool.query<Hour>(ledger.HOURS, [count, this.#now(), form ?? null])
  }

  async refusals(hours: number): Promise<Refusal[]> {
    return await this.#pool.query<Refusal>(processes.REFUSALS, [hours, this.#now()])
  }

  async processes(): Promise<SeenProcess[]> {
    return await this.#pool.query<SeenProcess>(processes.PROCESSES, [this.#now()])
  }

  async checkIn(...[own, since]: Parameters<Store['checkIn']>): Promise<void> {
    await this.#pool.query(processes.CHECK_IN, processes.checkInValues(own, since, this.#slot, this.#now()))
  }

  async checkOut(id: string): Promise<void> {
    await this.#pool.query(processes.CHECK_OUT, [id])
  }

  async actions({ limit, offset }: { readonly limit: number; readonly offset: number }): Promise<Action[]> {
    return await this.#pool.query<Action>(ledger.ACTIONS, [limit, offset])
  }

  async redrive(...[chosen, by, reason, approved = true]: Parameters<Store['redrive']>): Promise<Moved[]> {
    const values = ledger.actionValues('dead', chosen, by, reason, this.#now())
    return await this.#pool.query<Moved>(approved ? ledger.REDRIVE : ledger.REDRIVE_UNAPPROVED, values)
  }

  async discard(...[chosen, by, reason]: Parameters<Store['discard']>): Promise<Moved[]> {
    return await this.#pool.query<Moved>(ledger.DISCARD, ledger.actionValues('dead', chosen, by, reason, this.#now()))
  }

  async retryNow(...[chosen, by, reason]: Parameters<Store['retryNow']>): Promise<Moved[]> {
    return await this.#pool.query<Moved>(
      ledger.RETRY_NOW,
      ledger.actionValues('waiting', chosen, by, reason, this.#now()),
    )
  }

  async ownerOf(fileId: string): Promise<Owner | undefined> {
    const [owner] = await this.#pool.query<Owner>(sweep.OWNER, [fileId])
    return owner
  }

  async erasable(...[endedSeconds, most]: Parameters<Store['erasable']>) {
    const values = [endedSeconds, most, this.#now()]
    return await this.#pool.query<{ id: string; files: string[] }>(sweep.ERASABLE, values)
  }

  async erase(ids: readonly string[]): Promise<void> {
    await this.#pool.query(sweep.ERASE, [ids, this.#now()])
  }

  async forget(...[ages, most]: Parameters<Store['forget']>): Promise<Forgotten> {
    const { endedSeconds, failedDeliverySeconds, hourSeconds, givenUpSeconds } = ages
    const values = [endedSeconds, failedDeliverySeconds, hourSeconds, givenUpSeconds, most, this.#now()]
    const [forgotten] = await this.#pool.query<Forgotten>(sweep.FORGET, values)
    return forgotten as Forgotten // the statement always returns one row
  }

  async giveUp(fileIds: readonly string[]): Promise<string[]> {
    const rows = await this.#pool.query<{ id: string }>(sweep.GIVE_UP, [fileIds, this.#now()])
    return rows.map(({ id }) => id)
  }

  async oldDeadLetters(seconds: number): Promise<number> {
    const [row] = await this.#pool.query<{ count: number }>(sweep.OLD_DEAD_LETTERS, [seconds, this.#now()])
    return row?.count ?? 0
  }

  async keySalt(): Promise<string> {
    const [row] = await this.#pool.query<{ salt: string }>(keys.KEY_SALT, [])
    return (row as { salt: string }).salt // the table always has one row
  }

  async useKeys(uses: readonly KeyUse[]): Promise<void> {
    await this.#pool.query(keys.USE_KEYS, [JSON.stringify(uses), this.#now()])
  }

  async keyUses(): Promise<KeyUses> {
    const rows = await this.#pool.query<KeyUses['uses'][number] & { now: Date }>(keys.KEY_USES, [this.#now()])
    const uses = rows.flatMap(({ now, ...use }) => (use.form === null ? [] : [use]))
    return { now: (rows[0] as { now: Date }).now, uses } // the statement always returns a row
  }

  async keyNeeds(): Promise<KeyNeed[]> {
    return await this.#pool.query<KeyNeed>(keys.KEY_NEEDS, [])
  }

  async check(): Promise<void> {
    await this.#pool.query({ name: 'check', text: `UPDATE ${SCHEMA}.version SET version = version` }, [])
  }

  async close(): Promise<void> {
    await this.#notices.close()
    await this.#pool.close()
  }
}

/** A file of the batch has a row already: only one that was given up has. */
function isGivenUp(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '23505' && error.constraint === 'attachment_pkey'
}

function refs(claims: readonly ClaimRef[]): string {
  return JSON.stringify(claims.map(queue.claimRow).toSorted(queue.byId))
}

function held(claims: readonly ClaimRef[], found: readonly ClaimRef[]): boolean[] {
  const attempts = new Map(found.map(({ id, attempt }) => [id, attempt]))
  return claims.map(({ id, attempt }) => attempts.get(id) === attempt)
}
