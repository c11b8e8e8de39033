/** An adapter that is killed while submissions with files arrive: what it acknowledged is held, and whole. */
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { openStore } from '../../packages/adapter-sdk/src/store/open.ts'
import { integrityCheck } from '../../packages/adapter-sdk/src/store/sqlite/backup.ts'
import { makeDevelopmentCertificate, TestFileStore } from '../../packages/adapter-sdk/src/testing/index.ts'
import { type Program, type Start, startProgram } from '../../packages/adapter-sdk/test/adapter-program.ts'
import { sharedPostgres } from '../../packages/adapter-sdk/test/shared-postgres.ts'
import { hasStrace } from '../../packages/adapter-sdk/test/store/sqlite/trace.ts'
import { until } from '../../packages/adapter-sdk/test/until.ts'

const ROUNDS = 6
const SENDERS = 6

/** Settings of each store, empty. */
const STORES: Readonly<Record<string, (folder: string) => Promise<Record<string, string>>>> = {
  sqlite: async (folder) => ({ DATA_DIR: join(folder, 'data') }),
  postgres: async () => ({ DATABASE_URL: await (await sharedPostgres()).database() }),
}

for (const [kind, settings] of Object.entries(STORES)) {
  describe(`an adapter on ${kind} that is killed`, () => {
    let folder: string
    let fileStore: TestFileStore
    let environment: Record<string, string>
    let store: Record<string, string>
    const programs: Program[] = []
    before(async () => {
      const certificate = await makeDevelopmentCertificate()
      fileStore = await TestFileStore.start(certificate)
      folder = mkdtempSync(join(tmpdir(), 'killed-test-'))
      writeFileSync(join(folder, 'ca.pem'), certificate.cert)
    })
    beforeEach(async () => {
      store = await settings(folder)
      environment = {
        ...{ ATTACHMENT_HOSTS: fileStore.origin, NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') },
        ...{ DRAIN_SECONDS: '0', ...store },
      }
    })
    afterEach(async () => {
      for (const program of programs.splice(0)) await program.kill()
      rmSync(join(folder, 'data'), { recursive: true, force: true })
    })
    after(async () => {
      await fileStore.stop()
      rmSync(folder, { recursive: true, force: true })
    })

    const start = (role: 'web' | 'all', how: Partial<Start> = {}) => {
      const program = startProgram({
        ...how,
        program: join(import.meta.dirname, '../../packages/adapter-sdk/test/store/reading-program.ts'),
        environment: { ...environment, ...(role === 'web' && { ADAPTER_ROLE: 'web' }) },
      })
      programs.push(program)
      return program
    }
    /** A submission with two files, and their hashes as its answers. */
    const compose = () => {
      const contents = [randomBytes(1 + Math.random() * 60_000), randomBytes(1 + Math.random() * 400_000)]
      const hashes = contents.map((content) => createHash('sha256').update(content).digest('hex')).join()
      const attachments = contents.map((content) =>
        fileStore.link({ filename: 'a.bin', mimetype: 'application/octet-stream', content }),
      )
      return { answers: { hashes }, attachments }
    }
    /** Starts an adapter that delivers, waits until nothing waits, and returns the ids of what it has delivered. */
    const deliverAll = async () => {
      const program = start('all')
      await program.listening
      const opened = await openStore({ DATABASE_URL: undefined, DATA_DIR: undefined, ...store }, LOOK)
      try {
        await until(
          async () => (await opened.count({ state: 'waiting' })) + (await opened.count({ state: 'running' })) === 0,
        )
        const all = await opened.count({})
        const delivered: string[] = []
        for (let offset = 0; offset < all; offset += 500)
          delivered.push(
            ...(await opened.list({ state: 'delivered' }, { limit: 500, offset })).map((each) => each.submissionId),
          )
        // Each was handed out with all its files, and each file was what had been sent.
        expect(delivered).to.have.length(all)
        return new Set(delivered)
      } finally {
        await opened.close()
        await program.kill('SIGTERM')
      }
    }

    it('at any moment of a flood holds every submission that it acknowledged, whole, with each of its files', async function () {
      this.timeout(180_000)
      const [sent, acknowledged, others] = [new Set<string>(), new Set<string>(), new Set<number>()]
      for (let round = 0; round < ROUNDS; round++) {
        const program = start('web')
        await program.listening
        const before = acknowledged.size
        let isKilled = false
        const sending = Array.from({ length: SENDERS }, async () => {
          while (!isKilled) {
            const id = randomUUID()
            sent.add(id)
            // A process that dies answers nothing.
            const answer = await program.send(id, compose()).catch(() => undefined)
            if (answer?.status === 201) acknowledged.add(id)
            else if (answer !== undefined) others.add(answer.status)
          }
        })
        await until(() => acknowledged.size > before + 20)
        await pause(Math.random() * 100)
        await program.kill()
        isKilled = true
        await Promise.all(sending)
      }

      const delivered = await deliverAll()

      expect([...others]).to.deep.equal([])
      expect([...acknowledged].filter((id) => !delivered.has(id))).to.deep.equal([])
      expect([...delivered].filter((id) => !sent.has(id))).to.deep.equal([])
      // No more than the senders had under way.
      expect(delivered.size - acknowledged.size).to.be.within(0, ROUNDS * SENDERS)
      if (kind === 'sqlite') expect(await integrityCheck(join(folder, 'data'))).to.deep.equal([])
    })

    if (kind === 'sqlite' && hasStrace) {
      it('at any call to its disk, from the making of the tables on, can be started again, and holds all or nothing', async function () {
        this.timeout(240_000)
        const ended: string[] = []
        for (const [call, times] of STEPS) {
          for (const time of times) {
            rmSync(join(folder, 'data'), { recursive: true, force: true })
            const inject = `inject=${call}:signal=SIGKILL:when=${time}`
            const prefix = ['strace', '-D', '-f', '-o', '/dev/null', '-e', `trace=${call}`, '-e', inject]
            const dying = start('web', { prefix })
            const ids = ['one', 'two', 'three']
            const answers: (number | undefined)[] = []
            for (const id of ids) {
              const answer = await dying.send(id, compose()).catch(() => undefined)
              answers.push(answer?.status)
            }
            await dying.kill()
            const delivered = await deliverAll()
            const acknowledged = ids.filter((_, i) => answers[i] === 201)
            ended.push(`${call} ${time}: ${acknowledged.length}`)
            expect(
              acknowledged.filter((id) => !delivered.has(id)),
              `${call} ${time}`,
            ).to.deep.equal([])
            expect(delivered.size - acknowledged.length, `${call} ${time}`).to.be.within(0, 1)
          }
        }

        // Some died before the first was acknowledged, some between the first and the last.
        expect(ended.filter((line) => line.endsWith(': 0')).length).to.be.above(3)
        expect(ended.filter((line) => /: [12]$/.test(line)).length).to.be.above(3)
      })
    }
  })
}

const LOOK = { migrate: false, horizonSeconds: 2 * 86_400 }

/** Calls, and at which one of each thread's the process is killed. */
const STEPS: readonly (readonly [string, readonly number[]])[] = [
  ['fsync', [1, 3, 5, 7, 8, 9, 10]],
  ['pwrite64', [1, 8, 34, 70, 80, 89, 100, 105, 110, 115, 120]],
  ['/^rename', [1, 2, 3]],
]
