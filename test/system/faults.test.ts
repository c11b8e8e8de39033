/** Nothing acknowledged is lost, nothing is doubled: real processes, killed and failed under load, on both stores. */
import { setTimeout as elapsed } from 'node:timers/promises'
import { generateKey, parseKeyring } from '@formbuilder/adapter-sdk/protocol'
import { FAILURES, type FailureKind } from '@formbuilder/optics-adapter/stand-in'
import { expect } from 'chai'
import { atOnce } from '../faults/at-once.ts'
import { findSecrets, type Secret } from '../faults/secrets.ts'
import { type Letter, letter } from '../faults/sender.ts'
import type { Row } from '../faults/store.ts'
import { makeWorld, type World } from '../faults/world.ts'

const LETTERS = 200
const SENT_AT_ONCE = 20
// What the log says when the store has failed as it was made to.
const FAILURE_OF = {
  sqlite: /"event":"store.failed".*"code":"Error ERR_SQLITE_ERROR \d+"/,
  postgres: /"event":"store.failed".*"code":"error 53100"/, // disk_full
}
const ANSWERS_OF_ANOTHER_FORM = { feedback_textarea_1: 'not what a complaint has' }

for (const store of ['sqlite', 'postgres'] as const) {
  for (const check of ['external-id', 'none'] as const) {
    describe(`faults on ${store}, duplicate check ${check}`, function () {
      this.timeout(300_000)
      const run = atOnce(runThrough)
      let world: World
      let rows: Map<string, Row>
      let exits: (number | null)[]
      const invalid = Array.from({ length: 5 }, () => ({ ...letter(), answers: ANSWERS_OF_ANOTHER_FORM }))
      const refused = Array.from({ length: 5 }, () => letter())
      const expired = Array.from({ length: 5 }, () => letter({ withFile: true }))
      const letters = Array.from({ length: LETTERS }, (_, index) => letter({ withFile: index % 5 === 0 }))

      // So that every trouble meets some with files, and some with answers that do not fit.
      const sent = [...letters, ...invalid].sort((one, other) => one.mark.localeCompare(other.mark))

      async function runThrough() {
        world = await makeWorld(store, { OPTICS_DUPLICATE_CHECK: check })
        await sendInVain(world, refused, expired)
        await sendThroughTrouble(world, sent)
        await settled(world)
        exits = await Promise.all(world.replicas.map((replica) => replica.stop()))
        rows = new Map((await world.store.rows()).map((row) => [row.submission_id, row]))
        if (process.env['FAULTS_SHOW']) show(world, rows)
      }
      before(run)
      after(() => world?.close())

      it('was made of enough load and trouble', () => {
        const { answers, acknowledged } = world.sender

        expect(acknowledged.size).to.equal(letters.length + invalid.length)
        expect([...answers.keys()]).to.include.members([0, 200, 201, 401, 503])
        expect(new Set(world.optics.requests.map(({ met }) => met))).to.include.members(
          // These two end the connection before there is a request.
          ways().filter((kind) => kind !== 'refuse' && kind !== 'close'),
        )
        expect(world.replicas.map(({ output }) => output).join('')).to.match(FAILURE_OF[store])
      })

      it('ended by itself, with nothing waiting', () => {
        expect(exits.every((code) => code === 0)).to.equal(true)
        expect([...rows.values()].filter(({ state }) => !['delivered', 'dead'].includes(state))).to.deep.equal([])
      })

      it('holds every submission that was acknowledged, and no other', () => {
        expect([...rows.keys()].sort()).to.deep.equal([...world.sender.acknowledged.keys()].sort())
      })

      it('made no case twice, and none that nobody sent', () => {
        const doubled = letters.filter((sent) => casesOf(world, sent).length > 1)
        const known = new Set(letters.flatMap((sent) => casesOf(world, sent)))

        expect(doubled.map(({ submissionId }) => history(world, submissionId))).to.deep.equal([])
        expect(world.optics.cases().filter(({ caseId }) => !known.has(caseId))).to.deep.equal([])
      })

      it('made exactly one case of each that it calls delivered, and knows which', () => {
        const wrong = letters.filter((sent) => {
          const row = rows.get(sent.submissionId)
          const cases = casesOf(world, sent)
          const refers = row?.reference === null || cases.includes(row?.reference ?? '')
          return row?.state === 'delivered' && !(cases.length === 1 && refers)
        })

        expect(wrong.map(({ submissionId }) => history(world, submissionId))).to.deep.equal([])
      })

      it('has a dead letter that says why for each of the others, and no case of it unless it says that it may', () => {
        const dead = [...letters, ...invalid].filter(({ submissionId }) => rows.get(submissionId)?.state === 'dead')
        const silent = dead.filter(
          ({ submissionId }) => !rows.get(submissionId)?.code || !rows.get(submissionId)?.reason,
        )
        const made = dead.filter((sent) => casesOf(world, sent).length > 0 && !rows.get(sent.submissionId)?.uncertain)
        const codes = invalid.map(({ submissionId }) => rows.get(submissionId)?.code)

        expect([silent, made]).to.deep.equal([[], []])
        expect(new Set(codes)).to.deep.equal(new Set(['ERR_ANSWERS_INVALID']))
        // Where Optics can be asked, nothing stays open.
        if (check === 'external-id') expect(dead).to.have.length(invalid.length)
        else expect(dead.length).to.be.greaterThan(invalid.length)
      })

      it('left no answer, name, e-mail address, file or key at rest or in a log', async () => {
        const logs = Object.fromEntries(
          world.replicas.map(({ output }, index) => [`log ${index}`, Buffer.from(output)]),
        )
        const everywhere = { ...(await world.store.bytes()), ...logs }

        expect(findSecrets([{ name: 'an id', bytes: Buffer.from(letters[0]?.submissionId ?? '') }], everywhere)).to.not
          .be.empty
        expect(findSecrets(secretsOf(world, [...letters, ...refused, ...expired]), everywhere)).to.deep.equal([])
      })
    })
  }
}

/** Nobody ever acknowledges these: encrypted with another key, or with links that have expired, given up after two deliveries. */
async function sendInVain({ sender, fileStore }: World, refused: readonly Letter[], expired: readonly Letter[]) {
  const stranger = parseKeyring(generateKey(16)).keys[0]
  for (const sent of refused) await sender.send(sent, [], stranger)
  for (const sent of expired) {
    const links = sent.uploads.map((upload) => fileStore.link(upload, -1))
    await sender.send(sent, links)
    await sender.send(sent, links)
  }
}

/** Sends all letters, a portion of them in each trouble, each as long as it takes to be acknowledged. */
async function sendThroughTrouble(world: World, letters: readonly Letter[]): Promise<void> {
  const { sender } = world
  const troubles = troublesOf(world)
  const portion = Math.ceil(letters.length / troubles.length)
  for (const [index, trouble] of troubles.entries()) {
    const sending = letters.slice(index * portion, (index + 1) * portion).map(async (sent, position) => {
      if (position === 0) await sender.sendAtOnce(sent, SENT_AT_ONCE)
      else await sender.sendUntilAcknowledged(sent)
    })
    await Promise.all([trouble(), ...sending])
  }
}

/** The ways in which Optics, or a server in front of it, can fail. */
function ways(): FailureKind[] {
  return Object.keys(FAILURES) as FailureKind[]
}

function troublesOf(world: World): (() => Promise<void>)[] {
  const { optics, store, replicas } = world
  const kinds = ways()
  const fail = (from: number, to: number) => async () => {
    for (const kind of kinds.slice(from, to)) await optics.fail(kind, { times: 2, seconds: 1 })
  }
  return [
    fail(0, 5),
    () => crash(world, 0),
    async () => {
      for (const kind of ['status', 'reset', 'html', 'empty', 'answer'] as const) {
        await optics.fail(kind, { times: 2, route: 'token' })
      }
      for (const kind of ['status', 'reset', 'html', 'hang', 'empty', 'answer'] as const) {
        await optics.fail(kind, { times: 2, route: 'getcaseattribute' })
      }
      optics.expireTokens()
    },
    fail(5, 10),
    ...store.failures.map((failure) => () => failure(replicas)),
    fail(10, 15),
    () => crash(world, replicas.length - 1),
    fail(15, kinds.length),
    async () => await replicas[0]?.stall(1500),
    () => crash(world, 0),
  ]
}

/** Kills a replica while submissions come in and are handed over. */
async function crash({ replicas, sender, over }: World, index: number): Promise<void> {
  const before = sender.acknowledged.size
  while (sender.acknowledged.size < before + 3) await elapsed(1, undefined, { signal: over })
  await replicas[index]?.kill()
  await replicas[index]?.start()
}

/** Waits until nothing waits. */
async function settled({ store, over }: World): Promise<void> {
  while ((await store.unsettled()) !== 0) await elapsed(1000, undefined, { signal: over })
}

/** Ids of the cases that hold a letter's words. */
function casesOf({ optics }: World, { mark }: Letter): string[] {
  return optics.cases().flatMap(({ caseId, fields }) => (JSON.stringify(fields).includes(mark) ? [caseId] : []))
}

/** What the logs say of one submission, for whoever has to find out. */
function history({ replicas }: World, submissionId: string): string[] {
  return replicas.flatMap(({ output }) => output.split('\n').filter((line) => line.includes(submissionId)))
}

function secretsOf({ sender, sharedKey }: World, letters: readonly Letter[]): Secret[] {
  const keys = sender.fileKeys.flatMap((key) => [Buffer.from(key), Buffer.from(key, 'base64')])
  return [
    ...letters.map(({ mark }, index) => ({ name: `words of letter ${index}`, bytes: Buffer.from(mark) })),
    { name: 'the shared key', bytes: Buffer.from(sharedKey) },
    ...keys.map((bytes, index) => ({ name: `file key ${index}`, bytes })),
  ]
}

function show({ sender, optics }: World, rows: ReadonlyMap<string, Row>): void {
  const codes = Map.groupBy(rows.values(), ({ state, code }) => `${state} ${code ?? ''}`)
  console.log(
    Object.fromEntries(sender.answers),
    Object.fromEntries([...codes].map(([key, each]) => [key, each.length])),
  )
  console.log(
    Object.fromEntries(
      [...Map.groupBy(optics.requests, ({ route, met }) => `${route} ${met}`)].map(([key, each]) => [key, each.length]),
    ),
  )
}
