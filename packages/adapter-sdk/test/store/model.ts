/** A model of the store, and commands that hold a real one against it in any order that fast-check finds. */
import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { isCaptured, type StoredFile } from '../../src/files/capture.ts'
import type { Claim, Loss } from '../../src/store/claim.ts'
import type { Overdue, Store } from '../../src/store/store.ts'
import { type Incoming, rowId } from '../../src/store/submission.ts'
import { type Clock, HORIZON_SECONDS } from './engines.ts'

export const LEASE_SECONDS = 30
const SETTLE_SECONDS = 120
const DELAY_SECONDS = 5
const MOST_LOSSES = 5
const PAGE = { limit: 1000, offset: 0 }

/** What losing an attempt means for each form, and whether it can confirm. */
const FORMS: Readonly<Record<string, { readonly loss: Loss; readonly canConfirm: boolean }>> = {
  complaint: { loss: 'uncertain', canConfirm: true },
  comment: { loss: 'uncertain-if-acting', canConfirm: false },
  feedback: { loss: 'repeatable', canConfirm: false },
}

/** What the store must say of one submission. */
interface Expected {
  readonly incoming: Incoming
  readonly id: string
  state: 'waiting' | 'running' | 'delivered' | 'dead' | 'discarded'
  attempts: number
  losses: number
  uncertain: boolean
  acting: boolean
  /** By the store's clock. */
  settlesAt: number
  /** By a clock that never jumps: when the running attempt was last renewed. */
  aliveAt: number
}

/** A process: what it believes to hold, and what it has watched. */
interface Client {
  readonly store: Store
  readonly holds: Map<string, Claim>
  /** By attempt and the end of its lease: since when it has been watched, by the clock that never jumps. */
  readonly watched: Map<string, number>
}

/** What is expected. */
export interface Model {
  readonly submissions: Map<string, Expected>
}

/** The real stores, the clock that is handed to them, and the bytes of files. */
export class World {
  readonly clients: Client[] = []
  /** Milliseconds of a clock that never jumps. */
  monotonic = 0
  /** Bytes of captured files, by id. */
  readonly bytes = new Set<string>()

  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Milliseconds of the store's clock, which may jump. */
  get storeTime(): number {
    return this.#clock.time
  }

  set storeTime(time: number) {
    this.#clock.time = time
  }

  join(store: Store): void {
    this.clients.push({ store, holds: new Map(), watched: new Map() })
  }
}

type Command = fc.AsyncCommand<Model, World>

/** A command whose check always passes; `run` does both sides. */
class Do implements Command {
  readonly #title: string
  readonly #run: (model: Model, world: World) => Promise<void>

  constructor(title: string, run: (model: Model, world: World) => Promise<void>) {
    this.#title = title
    this.#run = run
  }

  check(): boolean {
    return true
  }

  run(model: Model, world: World): Promise<void> {
    return this.#run(model, world)
  }

  toString(): string {
    return this.#title
  }
}

/** The nth of what there is. */
function pick<T>(items: Iterable<T>, n: number): T | undefined {
  const all = [...items]
  return all.length === 0 ? undefined : all[n % all.length]
}

function capture(world: World, model: Model, hasFile: boolean, form: string): Incoming {
  const id = randomUUID()
  if (hasFile) world.bytes.add(id)
  const files = hasFile ? [{ id, bytes: 16, plaintextBytes: 1, sha256: 'a' }] : []
  const submissionId = `submission-${model.submissions.size}`
  return { form, submissionId, serviceSlug: 'form', jwe: 'header..iv.ciphertext.tag', files }
}

/** Files of a copy: captured, or missing. */
function filesOf(world: World, held: readonly boolean[]): StoredFile[] {
  return held.map((isHeld) => {
    if (!isHeld) return { missing: 'ERR_ATTACHMENT_STATUS', message: 'attachments[0]: the answer is 403' }
    const id = randomUUID()
    world.bytes.add(id)
    return { id, bytes: 16, plaintextBytes: 1, sha256: 'a' }
  })
}

/** Whether a letter with a file missing holds nothing that a copy lacks. */
function holdsNoMore({ files: letter }: Incoming, { files: copy }: Incoming): boolean {
  const held = letter.flatMap((file, i) => (isCaptured(file) ? [i] : []))
  if (held.length === letter.length) return false
  return held.length === 0 || (letter.length <= copy.length && held.every((i) => 'id' in (copy[i] as StoredFile)))
}

const client = fc.nat(2)
const any = fc.nat(1000)

/** Everything that may happen. `giveUpFirst`: whether a sweep asks the store before it removes bytes. */
export function commands(giveUpFirst = true): fc.Arbitrary<Iterable<Command>> {
  return fc.commands(
    [
      fc.tuple(client, fc.constantFrom(...Object.keys(FORMS)), fc.boolean(), fc.boolean()).map(
        ([by, form, hasFile, isSwept]) =>
          new Do(
            `accept by ${by}: ${form}${hasFile ? ', a file' : ''}${isSwept ? ' that a sweep finds' : ''}`,
            async (model, world) => {
              const { store } = world.clients[by] as Client
              const incoming = capture(world, model, hasFile, form)
              // Another process, whose clock is a day ahead, takes the file for old before it has an owner.
              if (isSwept) await sweep(world, giveUpFirst)
              const accepted = await store.accept([incoming]).catch((error: { code?: string }) => error.code)
              if (accepted === 'ERR_STORE_UNAVAILABLE' && hasFile && isSwept) return
              expect(accepted).to.deep.equal(['accepted'])
              const id = rowId(form, incoming.submissionId)
              model.submissions.set(id, {
                ...{ incoming, id, state: 'waiting', attempts: 0, losses: 0, uncertain: false, acting: false },
                ...{ settlesAt: 0, aliveAt: 0 },
              })
            },
          ),
      ),
      fc.tuple(client, any, fc.array(fc.boolean(), { maxLength: 3 })).map(
        ([by, n, files]) =>
          new Do(
            `send again to ${by}: ${n}, files ${files.map((isHeld) => (isHeld ? 'held' : 'missing'))}`,
            async (model, world) => {
              const { store } = world.clients[by] as Client
              const expected = pick(model.submissions.values(), n)
              if (expected === undefined) return
              const mayReplace = expected.state === 'dead' && !expected.uncertain
              expect(await store.isHeld(expected.id)).to.equal(!mayReplace)
              const copy = { ...expected.incoming, files: filesOf(world, files) }
              const isWhole = files.every((isHeld) => isHeld)
              const replaces = mayReplace && (isWhole || holdsNoMore(expected.incoming, copy))
              expect(await store.accept([copy])).to.deep.equal([replaces ? 'replaced' : 'duplicate'])
              const owners = await Promise.all(
                expected.incoming.files.filter(isCaptured).map(({ id }) => store.ownerOf(id)),
              )
              // What the letter held is owned for as long as the letter is not replaced.
              expect(owners.every((owner) => (owner === undefined) === replaces)).to.equal(true)
              if (!replaces) return
              const state = isWhole ? 'waiting' : 'dead'
              Object.assign(expected, { incoming: copy, state, losses: 0, acting: false, settlesAt: 0 })
            },
          ),
      ),
      fc.tuple(client, fc.constantFrom(...Object.keys(FORMS)), fc.integer({ min: 1, max: 3 }), fc.nat(1)).map(
        ([by, form, most, suspects]) =>
          new Do(`claim by ${by}: ${most} of ${form}, ${suspects} suspects`, async (model, world) => {
            await claimDue(model, world, world.clients[by] as Client, form, most, suspects)
          }),
      ),
      fc.tuple(client, any).map(
        ([by, n]) =>
          new Do(`acting by ${by}: ${n}`, async (model, world) => {
            const me = world.clients[by] as Client
            const claim = pick(me.holds.values(), n)
            if (claim === undefined) return
            const expected = expectedOf(model, claim)
            const isOurs = isCurrent(expected, claim)
            expect(await me.store.acting([claim])).to.deep.equal([isOurs])
            if (isOurs) expected.acting = true
            else me.holds.delete(claim.id)
          }),
      ),
      fc.tuple(client, any, fc.constantFrom('delivered', 'retry', 'dead'), fc.boolean(), fc.nat(200)).map(
        ([by, n, outcome, unknown, delaySeconds]) =>
          new Do(`settle by ${by}: ${n} ${outcome}${unknown ? ', unknown' : ''}`, async (model, world) => {
            const me = world.clients[by] as Client
            const claim = pick(me.holds.values(), n)
            if (claim !== undefined) await settled(model, world, me, claim, outcome, unknown, delaySeconds)
          }),
      ),
      client.map((by) => new Do(`renew by ${by}`, (model, world) => renew(model, world, world.clients[by] as Client))),
      fc.tuple(client, any).map(
        ([by, n]) =>
          new Do(`release by ${by}: ${n}`, async (model, world) => {
            const me = world.clients[by] as Client
            const claim = pick(me.holds.values(), n)
            if (claim === undefined) return
            const expected = expectedOf(model, claim)
            await me.store.release([claim])
            me.holds.delete(claim.id)
            if (!isCurrent(expected, claim) || expected.acting) return
            expected.state = 'waiting'
            expected.attempts -= 1
          }),
      ),
      client.map(
        (by) =>
          new Do(`die: ${by}`, async (_model, world) => {
            const me = world.clients[by] as Client
            me.holds.clear()
            me.watched.clear()
          }),
      ),
      fc.tuple(client, fc.option(client)).map(
        ([by, other]) =>
          new Do(
            `two looks by ${by}, a lease apart${other === null ? '' : `; ${other} renews during the second`}`,
            async (model, world) => {
              const me = world.clients[by] as Client
              pass(world, LEASE_SECONDS + 1)
              await look(model, world, me)
              pass(world, LEASE_SECONDS + 1)
              await look(model, world, me, async () => {
                if (other !== null && other !== by) await renew(model, world, world.clients[other] as Client)
              })
            },
          ),
      ),
      fc.tuple(client, client, fc.constantFrom(...Object.keys(FORMS))).map(
        ([dead, by, form]) =>
          new Do(`${dead} dies, ${by} finds that out and claims ${form} again`, async (model, world) => {
            const [died, me] = [world.clients[dead] as Client, world.clients[by] as Client]
            died.holds.clear()
            died.watched.clear()
            pass(world, LEASE_SECONDS + 1)
            await look(model, world, me)
            pass(world, LEASE_SECONDS + 1)
            await look(model, world, me)
            pass(world, DELAY_SECONDS + 1)
            await claimDue(model, world, me, form, 3, 1)
          }),
      ),
      client.map((by) => new Do(`look by ${by}`, (model, world) => look(model, world, world.clients[by] as Client))),
      fc.constantFrom(1, 10, 31, 150).map(
        (seconds) =>
          new Do(`${seconds} s pass`, async (_model, world) => {
            pass(world, seconds)
          }),
      ),
      fc.constantFrom(-7200, -20, 20, 7200).map(
        (seconds) =>
          new Do(`the clock jumps by ${seconds} s`, async (_model, world) => {
            world.storeTime += seconds * 1000
          }),
      ),
      fc
        .tuple(client, any, fc.constantFrom('redrive', 'discard', 'retryNow'), fc.boolean())
        .map(
          ([by, n, action, isStale]) =>
            new Do(`${action} by ${by}: ${n}${isStale ? ', as it was before' : ''}`, (model, world) =>
              act(model, world, world.clients[by] as Client, n, action, isStale),
            ),
        ),
    ],
    { maxCommands: 60, size: 'max' },
  )
}

function pass(world: World, seconds: number): void {
  world.storeTime += seconds * 1000
  world.monotonic += seconds * 1000
}

async function claimDue(
  model: Model,
  world: World,
  me: Client,
  form: string,
  most: number,
  suspects: number,
): Promise<void> {
  const claims = await me.store.turn({ settle: [], claim: [{ form, most, suspects }], leaseSeconds: LEASE_SECONDS })
  for (const claim of claims) claimed(model, world, me, claim)
}

async function renew(model: Model, world: World, me: Client): Promise<void> {
  const claims = [...me.holds.values()]
  if (claims.length === 0) return
  const ours = claims.map((claim) => isCurrent(expectedOf(model, claim), claim))
  expect(await me.store.renew(claims, LEASE_SECONDS)).to.deep.equal(ours)
  for (const [i, claim] of claims.entries()) {
    if (ours[i]) expectedOf(model, claim).aliveAt = world.monotonic
    else me.holds.delete(claim.id)
  }
}

function expectedOf(model: Model, { id }: { readonly id: string }): Expected {
  const expected = model.submissions.get(id)
  if (expected === undefined) throw new Error('the store knows a submission that nobody sent')
  return expected
}

function isCurrent(expected: Expected, { attempt }: Pick<Claim, 'attempt'>): boolean {
  return expected.state === 'running' && expected.attempts === attempt
}

function claimed(model: Model, world: World, me: Client, claim: Claim): void {
  const expected = expectedOf(model, claim)
  // No submission has two living attempts.
  expect(expected.state, 'handed out').to.equal('waiting')
  // None is handed out while its outcome is uncertain, unless the claim says so and the outcome can be known.
  expect(claim.uncertain, 'uncertain').to.equal(expected.uncertain)
  if (claim.uncertain && world.storeTime < expected.settlesAt) {
    expect(expected.settlesAt - world.storeTime, 'asked for before it can be known').to.be.above(HORIZON_SECONDS * 1000)
  }
  expect(claim.attempt).to.equal(expected.attempts + 1)
  expect(claim.losses).to.equal(expected.losses)
  Object.assign(expected, { state: 'running', attempts: claim.attempt, acting: false, aliveAt: world.monotonic })
  me.holds.set(claim.id, claim)
}

async function settled(
  model: Model,
  world: World,
  me: Client,
  claim: Claim,
  outcome: 'delivered' | 'retry' | 'dead',
  unknown: boolean,
  delaySeconds: number,
): Promise<void> {
  const expected = expectedOf(model, claim)
  const about = { code: 'ERR_HANDLER_FAILED', reason: 'the handler threw Error' }
  const settleSeconds = unknown ? { settleSeconds: SETTLE_SECONDS } : {}
  await me.store.turn({
    settle: [
      {
        claim,
        ending:
          outcome === 'delivered'
            ? { outcome, reference: 'case', confirmed: false }
            : outcome === 'retry'
              ? { outcome, ...about, delaySeconds, uncertain: unknown, ...settleSeconds }
              : { outcome, ...about, uncertain: unknown, ...settleSeconds },
      },
    ],
    claim: [],
    leaseSeconds: LEASE_SECONDS,
  })
  me.holds.delete(claim.id)
  if (outcome === 'delivered' && expected.state !== 'discarded') {
    Object.assign(expected, { state: 'delivered', uncertain: false, acting: false })
  } else if (outcome !== 'delivered' && isCurrent(expected, claim)) {
    const settlesAt = unknown ? world.storeTime + SETTLE_SECONDS * 1000 : 0
    const state = outcome === 'retry' ? 'waiting' : 'dead'
    Object.assign(expected, { state, uncertain: unknown, settlesAt, acting: false })
  }
}

/** Ends what it has watched, unrenewed, for a whole lease. `between`: what happens after it has looked. */
async function look(model: Model, world: World, me: Client, between = async () => {}): Promise<void> {
  const overdue = (await me.store.overdue()).filter(({ id }) => !me.holds.has(id))
  const keys = new Map(overdue.map((seen) => [`${seen.id}/${seen.attempt}/${seen.dueAt.getTime()}`, seen]))
  for (const key of me.watched.keys()) if (!keys.has(key)) me.watched.delete(key)
  for (const key of keys.keys()) if (!me.watched.has(key)) me.watched.set(key, world.monotonic)
  const due = [...keys].filter(([key]) => world.monotonic - (me.watched.get(key) ?? 0) >= LEASE_SECONDS * 1000)
  await between()
  const lost = await me.store.endLost(
    due.map(([, seen]) => ({
      seen,
      ...(FORMS[seen.form] as (typeof FORMS)[string]),
      delaySeconds: DELAY_SECONDS,
      settleSeconds: SETTLE_SECONDS,
      leaseSeconds: LEASE_SECONDS,
      mostLosses: MOST_LOSSES,
    })),
  )
  for (const each of lost) ended(model, world, each, due.find(([, { id }]) => id === each.id)?.[1])
}

function ended(
  model: Model,
  world: World,
  lost: Awaited<ReturnType<Store['endLost']>>[number],
  seen: Overdue | undefined,
): void {
  const expected = expectedOf(model, lost)
  const { loss, canConfirm } = FORMS[lost.form] as (typeof FORMS)[string]
  expect(isCurrent(expected, lost), 'ended an attempt that had ended').to.equal(true)
  // A process that renews its lease keeps it.
  expect(world.monotonic - expected.aliveAt, 'ended a living attempt').to.be.at.least(LEASE_SECONDS * 1000)
  const unknown = loss === 'uncertain' || (loss === 'uncertain-if-acting' && expected.acting)
  const lastAlive = Math.min((seen?.dueAt.getTime() ?? 0) - LEASE_SECONDS * 1000, world.storeTime)
  expected.losses += 1
  expected.uncertain ||= unknown
  if (unknown) expected.settlesAt = lastAlive + SETTLE_SECONDS * 1000
  expected.acting = false
  expected.state = expected.losses >= MOST_LOSSES || (expected.uncertain && !canConfirm) ? 'dead' : 'waiting'
  expect(lost).to.include({ state: expected.state, uncertain: expected.uncertain, losses: expected.losses })
}

async function act(
  model: Model,
  world: World,
  me: Client,
  n: number,
  action: 'redrive' | 'discard' | 'retryNow',
  isStale: boolean,
): Promise<void> {
  const entry = pick(await me.store.list({}, PAGE), n)
  if (entry === undefined) return
  const expected = expectedOf(model, entry)
  const revision = entry.revision - (isStale ? 1 : 0)
  const moved = await me.store[action]([{ id: entry.id, revision }], 'somebody', 'a reason')
  const applies = !isStale && expected.state === (action === 'retryNow' ? 'waiting' : 'dead')
  expect(moved.map(({ id }) => id)).to.deep.equal(applies ? [entry.id] : [])
  if (!applies) return
  if (action === 'redrive') Object.assign(expected, { state: 'waiting', losses: 0 })
  if (action === 'discard') expected.state = 'discarded'
  if (expected.state === 'waiting' && expected.uncertain) {
    expect(Date.parse(moved[0]?.dueAt ?? '')).to.be.at.least(Math.min(expected.settlesAt, world.storeTime))
  }
}

/** A sweep in a process that takes every file without an owner for old. */
async function sweep(world: World, giveUpFirst: boolean): Promise<void> {
  const { store } = world.clients[0] as Client
  const owned = await Promise.all([...world.bytes].map((id) => store.ownerOf(id)))
  const orphans = [...world.bytes].filter((_, i) => owned[i] === undefined)
  for (const id of giveUpFirst ? await store.giveUp(orphans) : orphans) world.bytes.delete(id)
}

/** What must hold at the end of every run. */
export async function verify(model: Model, world: World): Promise<void> {
  const { store } = world.clients[0] as Client
  const entries = new Map((await store.list({}, PAGE)).map((entry) => [entry.id, entry]))
  expect(entries.size, 'submissions').to.equal(model.submissions.size)
  for (const { id, incoming, ...expected } of model.submissions.values()) {
    const entry = entries.get(id)
    const { state, attempts, losses, uncertain } = expected
    expect(entry, 'nothing accepted is missing').to.include({ state, attempts, losses, uncertain })
    if (state === 'delivered' || state === 'discarded') continue
    for (const file of incoming.files) if ('id' in file) expect(world.bytes.has(file.id), 'its file').to.equal(true)
  }
  const counted = (state: string) => [...entries.values()].filter((entry) => entry.state === state).length
  const { waiting, running, dead, delivered } = await store.counts()
  expect({ waiting, running, dead }).to.deep.equal({
    waiting: counted('waiting'),
    running: counted('running'),
    dead: counted('dead'),
  })
  expect(delivered).to.equal(counted('delivered'))
}
