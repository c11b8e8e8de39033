/** The sweep: erases files and answers some time after the case was made, forgets submissions later, and removes files without an owner. */
import type { Emit } from '../events.ts'
import type { Store } from '../store/store.ts'

export interface SweepOptions {
  readonly store: Store
  /** How many days files and answers are kept after the submission was delivered or discarded. */
  readonly attachmentKeepDays: number
  /** How many days the submission itself is remembered, at least as long as its files. Dead letters are never removed. */
  readonly keepDays: number
  readonly emit: Emit
  /** Whether to end before the next batch. */
  readonly isStopping?: () => boolean
}

/**
 * Sweeps once, in batches, each of which is a short transaction. Several processes may sweep at the same time, and a sweep
 * may be interrupted anywhere: the next one goes on.
 */
export async function sweep(options: SweepOptions): Promise<void> {
  const { store, isStopping = () => false } = options
  const erased = await erase(options, isStopping)
  const orphans = await removeOrphans(options, isStopping)
  const submissions = await forget(options, isStopping)
  const oldDeadLetters = await store.oldDeadLetters(options.keepDays * DAY_SECONDS)
  options.emit({ event: 'store.swept', submissions, files: erased + orphans, oldDeadLetters })
}

/** Bytes are removed before the rows that name them: after a crash in between, the next sweep finds the rows. */
async function erase({ store, attachmentKeepDays }: SweepOptions, isStopping: () => boolean): Promise<number> {
  let files = 0
  while (!isStopping()) {
    const found = await store.erasable(attachmentKeepDays * DAY_SECONDS, BATCH)
    const ids = found.flatMap((each) => each.files)
    await store.files.remove(ids)
    await store.erase(found.map(({ id }) => id))
    files += ids.length
    if (found.length < BATCH) break
  }
  return files
}

/** A file is given up before its bytes are removed: no submission that still waits for it can then be accepted without it. */
async function removeOrphans({ store }: SweepOptions, isStopping: () => boolean): Promise<number> {
  let files = 0
  let batch: string[] = []
  const removeBatch = async () => {
    const orphans = await store.giveUp(batch)
    await store.files.remove(orphans)
    files += orphans.length
    batch = []
  }
  for await (const id of store.files.list(ORPHAN_SECONDS)) {
    if (isStopping()) return files
    if (batch.push(id) === BATCH) await removeBatch()
  }
  if (batch.length > 0) await removeBatch()
  return files
}

async function forget(
  { store, keepDays, attachmentKeepDays }: SweepOptions,
  isStopping: () => boolean,
): Promise<number> {
  const ages = {
    endedSeconds: Math.max(keepDays, attachmentKeepDays) * DAY_SECONDS,
    failedDeliverySeconds: FAILED_DELIVERY_SECONDS,
    hourSeconds: keepDays * DAY_SECONDS,
    givenUpSeconds: GIVEN_UP_SECONDS,
  }
  let submissions = 0
  while (!isStopping()) {
    const forgotten = await store.forget(ages, BATCH)
    submissions += forgotten.submissions
    if (Object.values(forgotten).every((count) => count < BATCH)) break
  }
  return submissions
}

/** Sweeps now and then every hour, one run at a time. `onFailure`: called when a run failed. */
export function startSweeping(
  run: () => Promise<void>,
  onFailure: (error: unknown) => void,
): { stop(): Promise<void> } {
  let isStopped = false
  let timer: NodeJS.Timeout | undefined
  async function turn(): Promise<void> {
    await run().catch(onFailure)
    if (isStopped) return
    timer = setTimeout(() => {
      running = turn()
    }, SWEEP_MILLISECONDS).unref()
  }
  let running = turn()
  return {
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await running
    },
  }
}

/** Few enough that nothing else waits long for a batch. */
const BATCH = 200
const SWEEP_MILLISECONDS = 3_600_000
const DAY_SECONDS = 86_400
/** Longer than any capture takes: a file without an owner after a day will never get one. */
const ORPHAN_SECONDS = DAY_SECONDS
/** The sender repeats a delivery for 20 days. */
const FAILED_DELIVERY_SECONDS = 21 * DAY_SECONDS
/** Longer than any request lasts, also in a process that is stopped for days. */
const GIVEN_UP_SECONDS = 30 * DAY_SECONDS
