/** Database and queue together, opened and closed as one. */
import { type JobInsert, PgBoss, type QueueResult } from 'pg-boss'
import { AdapterError } from '../errors.ts'
import { type Emit, errorName } from '../events.ts'
import { bossDatabase, type Database } from './database.ts'
import { defineFunctions, type FormFunctions, madeFunctions } from './functions.ts'
import { migrate, oneAtATime } from './schema.ts'

/** An open store, with one queue a form. */
export interface QueueStore {
  readonly database: Database
  readonly boss: PgBoss
  /** Of a form that the store was opened with. */
  functions(form: string): FormFunctions
  close(): Promise<void>
}

/**
 * Brings the tables of both up to date and makes a queue for each form. Safe when several processes start at once.
 * `supervise`: whether this process returns the work of dead ones to the queue.
 */
export async function openStore(
  database: Database,
  forms: readonly string[],
  options: { readonly supervise: boolean; readonly emit: Emit },
): Promise<QueueStore> {
  const boss = new PgBoss({
    db: bossDatabase(database),
    backend: database.kind === 'embedded' ? 'pglite' : 'postgres',
    schema: QUEUE_SCHEMA,
    supervise: options.supervise,
    superviseIntervalSeconds: SUPERVISE_SECONDS,
    monitorIntervalSeconds: SUPERVISE_SECONDS,
    schedule: false,
    monitorVacuum: false,
  })
  const functions = new Map<string, FormFunctions>()
  boss.on('error', (error) => options.emit({ event: 'store.failed', during: 'supervision', code: errorName(error) }))
  try {
    // pg-boss too: two of it that create their tables at once end one of the processes.
    await oneAtATime(database, async () => {
      await boss.start()
      await migrate(database)
      const made = await madeFunctions(database)
      // Most starts find everything as it should be: two questions instead of seven statements a form.
      const queues = new Map((await boss.getQueues()).map((queue) => [queue.name, queue]))
      for (const form of forms) {
        if (!isAsWanted(queues.get(form))) await openQueue(boss, form)
        functions.set(form, await defineFunctions(database, boss, form, WAITING_CHANNEL, made))
      }
    })
  } catch (error) {
    await boss.stop({ graceful: false, close: false })
    throw error
  }
  return {
    database,
    boss,
    functions(form) {
      const found = functions.get(form)
      if (found === undefined) throw new AdapterError('ERR_INTERNAL', 'the store was not opened with this form')
      return found
    },
    async close() {
      await boss.stop({ graceful: false, close: false })
      await database.close()
    },
  }
}

function isAsWanted(queue: QueueResult | undefined): boolean {
  const options = Object.keys(QUEUE) as (keyof typeof QUEUE)[]
  return queue !== undefined && options.every((option) => queue[option] === QUEUE[option])
}

async function openQueue(boss: PgBoss, form: string): Promise<void> {
  await boss.createQueue(form, QUEUE)
  // createQueue leaves an existing queue's options alone; updateQueue makes new settings take hold.
  await boss.updateQueue(form, QUEUE)
}

/** One entry in a queue. The submission itself is not in it: pg-boss copies an entry on every failure. */
export function queueEntry(id: string, delaySeconds = 0): JobInsert {
  return { id, startAfter: delaySeconds }
}

const QUEUE_SCHEMA = 'formbuilder_queue'
const SUPERVISE_SECONDS = 10

/** How long work may go without a sign of life before it is given to another process, in seconds. */
export const HEARTBEAT_SECONDS = 30

/** Name of the notification that a submission waits; the payload is its form. */
export const WAITING_CHANNEL = 'formbuilder_waiting'

// pg-boss decides nothing about retries: an entry lost by a dead process goes back at once and for ever, and an entry
// that waits is never dropped (the default drops it after 14 days). What a failure means is decided in delivery.ts.
const QUEUE = {
  retryLimit: 1_000_000,
  retryDelay: 0,
  retryBackoff: false,
  heartbeatSeconds: HEARTBEAT_SECONDS,
  expireInSeconds: 23 * 3600,
  retentionSeconds: 50 * 365 * 24 * 3600,
  deleteAfterSeconds: 0,
}
