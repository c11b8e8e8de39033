import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { sharedPostgres } from '../shared-postgres.ts'

describe('the test kit under a test runner', () => {
  const here = fileURLToPath(new URL('../testing/runners/', import.meta.url))
  const root = fileURLToPath(new URL('../../../../', import.meta.url))
  const runners: Readonly<Record<string, (file: string) => readonly string[]>> = {
    mocha: (file) => [
      ...[`${root}node_modules/mocha/bin/mocha.js`, '--no-config', '--timeout', '60000', `${here}${file}.mocha.ts`],
    ],
    vitest: (file) => [
      ...[`${root}node_modules/vitest/vitest.mjs`, 'run', '--root', root, '--config', `${here}vitest.config.ts`],
      ...['--testTimeout', '60000', '--hookTimeout', '60000', `${file}.vitest.ts`],
    ],
    'node:test': (file) => ['--test', `${here}${file}.node.ts`],
  }
  /** Runs a file under a runner: its output, and its exit code unless it had to be killed. */
  async function under(runner: string, file: string, environment = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'runner-'))
    const args = runners[runner]?.(file) ?? []
    const ended = await promisify(execFile)(process.execPath, args, {
      cwd: here,
      timeout: 60_000,
      env: {
        ...process.env,
        ...{ NO_COLOR: '1', FORCE_COLOR: '0', NODE_TEST_CONTEXT: undefined, TMPDIR: folder, DATABASE_URL: undefined },
        ...environment,
      },
    }).catch((error: unknown) => error as { stdout: string; stderr: string; code: number | null })
    const left = readdirSync(folder).filter((name) => name.startsWith('adapter-test-'))
    rmSync(folder, { recursive: true, force: true })
    return { stdout: ended.stdout + ended.stderr, code: 'code' in ended ? ended.code : 0, left }
  }
  const PASSED = /\b1 pass(ed|ing)|Tests\s+1 passed|pass 1/

  type Ended = ReturnType<typeof under>
  const ended = new Map<string, Ended>()
  /** The files of a runner one after another, and the runners beside each other: most of their time they wait. */
  before(() => {
    for (const runner of Object.keys(runners)) {
      let previous: Promise<unknown> = Promise.resolve()
      for (const file of ['scenario', 'throws', 'unstopped']) {
        const next = previous.then(() => under(runner, file))
        ended.set(`${runner} ${file}`, next)
        previous = next
      }
    }
  })
  after(() => Promise.all(ended.values()))

  for (const runner of Object.keys(runners)) {
    it(`works in a test under ${runner}, which then exits by itself`, async () => {
      const { stdout, code } = await (ended.get(`${runner} scenario`) as Ended)

      expect(code).to.equal(0)
      expect(stdout).to.match(PASSED)
    })

    it(`leaves nothing behind under ${runner} when a hook fails after it, nor does the run hang`, async () => {
      const { stdout, code, left } = await (ended.get(`${runner} throws`) as Ended)

      // Vitest kills its processes, and nothing can tidy up after itself then.
      expect([code, runner === 'vitest' || left.length === 0]).to.deep.equal([1, true])
      expect(stdout).to.contain('the hook failed')
    })

    it(`leaves nothing behind under ${runner} when nobody stops it, nor does the run hang`, async () => {
      const { stdout, code, left } = await (ended.get(`${runner} unstopped`) as Ended)

      expect([code, runner === 'vitest' || left.length === 0]).to.deep.equal([0, true])
      expect(stdout).to.match(PASSED)
    })
  }

  it('leaves nothing behind when a hook of mocha is given up before the adapter has started', async () => {
    const { stdout, code, left } = await under('mocha', 'late')

    expect([code, left]).to.deep.equal([1, []])
    expect(stdout).to.contain('Timeout of 1ms exceeded')
  })

  it("leaves nothing behind with an operator's page", async () => {
    expect(await under('mocha', 'unstopped', { ADMIN_PORT: '0' })).to.include({ code: 0 })
  })

  it('leaves nothing behind with PostgreSQL', async () => {
    const DATABASE_URL = await (await sharedPostgres()).database()

    expect(await under('mocha', 'unstopped', { DATABASE_URL })).to.include({ code: 0 })
  })

  it('keeps a test of node:test alive that waits for a retry by nothing but a promise', async () => {
    const { stdout, code } = await under('node:test', 'waiting')

    expect(code).to.equal(0)
    expect(stdout).to.match(PASSED)
  })
})
