/** What an adapter on SQLite promises of its disk: shown on the whole program. */
import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'chai'
import { backupInto, integrityCheck } from '../../packages/adapter-sdk/src/store/sqlite/backup.ts'
import { openSqlite } from '../../packages/adapter-sdk/src/store/sqlite/store.ts'
import { makeDevelopmentCertificate, TestFileStore } from '../../packages/adapter-sdk/src/testing/index.ts'
import { type Program, type Start, startProgram } from '../../packages/adapter-sdk/test/adapter-program.ts'
import { type Call, hasStrace, readTrace, tracing } from '../../packages/adapter-sdk/test/store/sqlite/trace.ts'
import { until } from '../../packages/adapter-sdk/test/until.ts'

describe('an adapter on SQLite', () => {
  let folder: string
  let fileStore: TestFileStore
  const programs: Program[] = []
  const of = (name: string) => join(folder, name)
  const database = () => of('data/store/adapter.sqlite')
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'adapter-test-'))
    const certificate = await makeDevelopmentCertificate()
    writeFileSync(of('ca.pem'), certificate.cert)
    fileStore = await TestFileStore.start(certificate)
  })
  after(async () => {
    await fileStore.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  afterEach(async () => {
    for (const program of programs.splice(0)) await program.kill()
    rmSync(of('data'), { recursive: true, force: true })
  })

  /** It only accepts, so that every write is one of an accept. */
  const start = (how: Partial<Start> = {}) => {
    const program = startProgram({
      ...how,
      environment: {
        ...{ DATA_DIR: of('data'), ADAPTER_ROLE: 'web', ATTACHMENT_HOSTS: fileStore.origin },
        ...{ NODE_EXTRA_CA_CERTS: of('ca.pem'), DRAIN_SECONDS: '0', ...how.environment },
      },
    })
    programs.push(program)
    return program
  }
  const upload = (bytes: number) =>
    fileStore.link({ filename: 'letter.txt', mimetype: 'text/plain', content: Buffer.alloc(bytes, 'x') })
  /** How many of these are held, and how many submissions there are. */
  const held = async (ids: readonly string[]) => {
    const store = await openSqlite(of('data'), { migrate: false, horizonSeconds: 90_000 })
    const counts = await Promise.all(ids.map((id) => store.count({ id })))
    const all = await store.count({})
    await store.close()
    return [counts.reduce((sum, count) => sum + count, 0), all]
  }

  // The calls of a process are seen with strace only; CI installs it.
  if (hasStrace) {
    describe('traced', () => {
      const isAnswer = ({ text }: Call) => text.includes('HTTP/1.1 201')
      const isSync = ({ name }: Call) => name === 'fsync' || name === 'fdatasync'
      /** What was synced before each 201, since the one before it. The names of files are left out. */
      const syncsBeforeAnswers = (calls: readonly Call[]) => {
        const ends = calls.flatMap((call, index) => (isAnswer(call) ? [index] : []))
        return ends.map((end, i) =>
          calls.slice(i === 0 ? 0 : ends[i - 1], end).flatMap((call) => (isSync(call) ? [placeOf(call.path)] : [])),
        )
      }
      const placeOf = (path: string) => path.replace(of('data/store'), '').replace(/[0-9a-f-]{36}/, 'ID')
      const traced = async (work: (program: Program) => Promise<void>) => {
        const program = start({ prefix: tracing(of('trace')), environment: { LOG_LEVEL: 'debug' } })
        await program.listening
        await work(program)
        expect(await program.kill('SIGTERM')).to.equal(0)
        return { program, calls: readTrace(of('trace')) }
      }

      it('answers 201 after one sync of the log, which followed the write of the submission', async () => {
        const { calls } = await traced(async (program) => {
          for (let n = 0; n < 6; n++) expect(await program.send(`one-${n}`)).to.include({ status: 201 })
        })

        expect(syncsBeforeAnswers(calls).slice(1)).to.deep.equal(Array(5).fill(['/adapter.sqlite-wal']))
        const answers = calls.flatMap((call, index) => (isAnswer(call) ? [index] : []))
        for (const [i, end] of answers.slice(1).entries()) {
          const between = calls.slice(answers[i], end)
          const written = between.findLastIndex(({ name, path }) => name === 'pwrite64' && path.endsWith('-wal'))
          expect(written).to.be.within(0, between.findIndex(isSync) - 1)
        }
      })

      it('syncs the log once for each batch of submissions that came at the same time', async () => {
        const { program, calls } = await traced(async (each) => {
          expect(await each.send('first')).to.include({ status: 201 })
          for (let turn = 0; turn < 5; turn++) {
            const answers = await Promise.all(Array.from({ length: 16 }, (_, n) => each.send(`batch-${turn}-${n}`)))
            expect(answers.map(({ status }) => status)).to.deep.equal(Array(16).fill(201))
          }
        })
        const batches = program.lines.filter((line) => line.includes('"event":"store.committed"')).length
        const [first, last] = [calls.findIndex(isAnswer), calls.findLastIndex(isAnswer)]
        const wal = (some: readonly Call[]) => some.filter((call) => isSync(call) && call.path.endsWith('-wal')).length

        // The sync of the first one, alone in its batch, came before its answer.
        expect(wal(calls.slice(first, last))).to.equal(batches - 1)
        expect(batches).to.be.within(6, 80)
      })

      it('syncs each file and its folder once, and then the log', async () => {
        const { calls } = await traced(async (program) => {
          for (let n = 0; n < 3; n++) {
            const attachments = [upload(1000), upload(300_000)]
            expect(await program.send(`files-${n}`, { attachments })).to.include({ status: 201 })
          }
        })

        for (const syncs of syncsBeforeAnswers(calls).slice(1)) {
          expect(syncs.slice(0, -1).toSorted()).to.deep.equal(['/files', '/files', '/files/ID.part', '/files/ID.part'])
          expect(syncs.at(-1)).to.equal('/adapter.sqlite-wal')
        }
      })
    })
  }

  describe('on a full disk', () => {
    const limited = ['bash', '-c', 'ulimit -S -f 600; exec "$0" "$@"']
    const makeRoom = ({ pid }: Program) => execFileSync('prlimit', ['--pid', String(pid), '--fsize=unlimited'])

    it('answers 503 when a submission cannot be held, and holds it when there is room', async () => {
      const program = start({ prefix: limited })
      const accepted: string[] = []
      // All of one length: a shorter one could still find room.
      const answers = { text: 'x'.repeat(5000) }
      let answer = { status: 201, code: undefined as string | undefined }
      while (answer.status === 201) {
        answer = await program.send(`full-${accepted.length}`, { answers })
        if (answer.status === 201) accepted.push(`full-${accepted.length}`)
      }
      const again = await program.send('again', { answers })

      makeRoom(program)
      const statuses = [
        (await program.send(`full-${accepted.length}`, { answers })).status,
        (await program.send('again', { answers })).status,
        (await program.send('full-0')).status,
      ]
      await program.kill()

      expect(accepted.length).to.be.above(5)
      expect([answer, again]).to.deep.equal(Array(2).fill({ status: 503, code: 'ERR_STORE_UNAVAILABLE' }))
      expect(statuses).to.deep.equal([201, 201, 200])
      const ids = [...accepted, `full-${accepted.length}`, 'again']
      expect(await held(ids)).to.deep.equal([ids.length, ids.length])
      expect(await integrityCheck(of('data'))).to.deep.equal([])
    })

    it('answers 503 when a file cannot be kept, keeps nothing of it, and takes it when there is room', async () => {
      const program = start({ prefix: limited })
      const send = () => program.send('with-files', { attachments: [upload(1000), upload(900_000)] })
      const files = () => readdirSync(of('data/store/files'))

      const refused = await send()
      await until(() => files().length === 0)
      makeRoom(program)
      const taken = await send()

      expect(refused).to.deep.equal({ status: 503, code: 'ERR_STORE_UNAVAILABLE' })
      expect(taken.status).to.equal(201)
      expect(files()).to.have.length(2)
      expect(files().filter((name) => name.endsWith('.part'))).to.deep.equal([])
    })
  })

  for (const [index, name] of ['writer', 'reader'].entries()) {
    it(`exits with 1 when its ${name} thread ends unasked, says so, and a new process goes on`, async () => {
      const preload = `
        const threads = []
        process.on('worker', (thread) => threads.push(thread))
        process.on('SIGUSR2', () => threads[${index}].terminate())`
      const options = ['--import', `data:text/javascript,${encodeURIComponent(preload)}`]
      const program = start({ options, environment: { LOG_LEVEL: 'error' } })
      expect(await program.send('before')).to.include({ status: 201 })

      const status = await program.kill('SIGUSR2')
      const next = start()
      const answers = [await next.send('before'), await next.send('after')]

      expect(status).to.equal(1)
      expect(program.lines.join()).to.match(/"event":"store.failed","during":"run"/)
      expect(answers.map((each) => each.status)).to.deep.equal([200, 201])
    })
  }

  describe('stops at its start, with exit status 1 and what to do on one line,', () => {
    const outcome = async () => {
      const program = start()
      program.listening.catch(() => undefined)
      return { status: await program.ended, errors: program.errors().replaceAll(folder, 'FOLDER') }
    }
    const use = async () => {
      const program = start()
      await program.send('before')
      await program.kill('SIGTERM')
    }
    const overwrite = (position: number, bytes: Buffer) => {
      const descriptor = openSync(database(), 'r+')
      writeSync(descriptor, bytes, 0, bytes.byteLength, position)
      closeSync(descriptor)
    }
    const damaged =
      'ERR_STORE_UNAVAILABLE: the store in FOLDER/data is damaged: stop the adapter, keep a copy of the folder, and restore a backup\n'

    it('when its file is no database', async () => {
      await use()
      overwrite(0, Buffer.from('this is something else'))

      expect(await outcome()).to.deep.equal({ status: 1, errors: damaged })
    })

    it('when the first page of its file is damaged', async () => {
      await use()
      overwrite(100, Buffer.alloc(3000, 7))

      expect(await outcome()).to.deep.equal({ status: 1, errors: damaged })
    })

    it('when its file is of a newer version', async () => {
      await use()
      const newer = new DatabaseSync(database())
      newer.exec('UPDATE version SET version = 2')
      newer.close()

      expect(await outcome()).to.deep.equal({
        status: 1,
        errors:
          'ERR_STORE_UNAVAILABLE: the store has tables of version 2, and this program works with version 1: use the same version of the program as the running adapter\n',
      })
    })

    it('when its file comes from a backup', async () => {
      await use()
      await backupInto(of('data'), of('copy'), () => new Date('2030-01-02T03:04:05.678Z'))
      rmSync(of('data'), { recursive: true })
      await use()
      execFileSync('mv', [of('copy'), database()])

      expect(await outcome()).to.deep.equal({
        status: 1,
        errors:
          'ERR_STORE_UNAVAILABLE: the store was restored from a backup taken at 2030-01-02T03:04:05.678Z: run "adapter restored" first, so that nothing is delivered twice\n',
      })
    })
  })
})
