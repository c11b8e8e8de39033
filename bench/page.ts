/** How long pages of the operator take with a million submissions kept, of a page that asks the store for nothing. */
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../packages/adapter-sdk/test/free-port.ts'
import { FORM, make } from '../packages/adapter-sdk/test/operator/page/many.ts'
import { dead, retry } from '../packages/adapter-sdk/test/submissions.ts'
import { fill, open, PLACES } from './accept-rows.ts'
import type { Lab } from './lab.ts'
import type { Measure } from './report.ts'

const ROUNDS = 15
const DEAD = 2_000
const WAITING = 2_000
const OPERATOR = { ADMIN_AUTH_USERNAME: 'operator', ADMIN_AUTH_PASSWORD: 'correct horse battery' }
const LONGEST_MILLISECONDS = 200

const PAGES = [
  ['overview', '/'],
  ['dead letters', '/dead-letters'],
  ['list of all', '/submissions'],
  ['list, last page', '/submissions?page=400'],
  ['list of dead letters', '/submissions?state=dead'],
  ['list of what waits', '/submissions?state=waiting&code=ERR_BUSY'],
  ['list of nothing: a form, a code and a reason', '/submissions?form=x&code=ERR_X&reason=x'],
  ['list of a day long ago', '/submissions?from=2020-01-01&to=2020-01-02'],
  ['search by the first letter of an id', '/submissions?id=a'],
  ['search by the beginning of an id', '/submissions?id=ab12c'],
  ['search by a reference', '/submissions?reference=case-10500000'],
  ['question about all 2,000 dead letters', '/decide?action=redrive&all=1&of_state=dead'],
  ['actions', '/actions'],
] as const

/** Milliseconds, a figure for each round. */
export async function page(lab: Lab): Promise<Measure[]> {
  const measures: Measure[] = []
  for (const [kind, makePlace] of Object.entries(PLACES)) {
    const place = await makePlace(lab, 'rows_pages')
    await fill(place)
    const store = await open(place)
    await make(store, DEAD, (i) =>
      dead({ code: i % 2 === 0 ? 'ERR_ANSWERS_INVALID' : 'ERR_TEAM', reason: `r ${i % 7}` }),
    )
    await make(store, WAITING, () => retry({ code: 'ERR_BUSY', delaySeconds: 86_400 }))
    const [first] = await store.list({ form: FORM }, { limit: 1, offset: 0 })
    await store.close()
    const port = await freePort()
    const subject = await lab.start('adapter.ts', { ...place.settings, ...OPERATOR, ADMIN_PORT: String(port) })
    const floor = `${kind}, floor: a page without the store`
    const pages = [
      [floor, '/nothing'],
      ...PAGES.map(([name, path]) => [`${kind}, ${name}`, path]),
      [`${kind}, one submission`, `/submission?id=${first?.id}`],
    ] as [string, string][]
    const rounds = new Map(pages.map(([name]) => [name, [] as number[]]))
    const agent = new Agent({ keepAlive: true, ca: readFileSync(lab.cert) })
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [name, path] of pages) {
        // The page answers 100 requests a second of one address.
        await pause(20)
        const took = await asked(agent, port, path)
        // The first round warms up.
        if (round > 0) rounds.get(name)?.push(took.milliseconds)
      }
    }
    measures.push(
      ...[...rounds].map(([subject, each]) => ({
        ...{ subject, unit: 'ms', rounds: each },
        ...(subject !== floor && { against: floor, mark: { value: LONGEST_MILLISECONDS, atMost: true as const } }),
      })),
    )
    subject.resetPeak()
    const idle = subject.memory()
    const exported = await asked(agent, port, '/submissions.csv')
    const megabytes = Math.round(exported.bytes / 1e6)
    measures.push({
      ...{ subject: `${kind}, CSV of all: rows of ${megabytes} MB`, unit: 'a second' },
      rounds: [exported.lines / (exported.milliseconds / 1000)],
      note: `${Math.round(subject.peak() - idle)} MiB above idle`,
    })
    agent.destroy()
    await subject.stop()
  }
  return measures
}

/** Asks for a page, and reads all of it. */
async function asked(agent: Agent, port: number, path: string) {
  const { ADMIN_AUTH_USERNAME: username, ADMIN_AUTH_PASSWORD: password } = OPERATOR
  const began = performance.now()
  return await new Promise<{ milliseconds: number; bytes: number; lines: number }>((resolve, reject) => {
    request(
      { agent, host: '127.0.0.1', servername: 'localhost', port, path, auth: `${username}:${password}` },
      (answer) => {
        let [bytes, lines] = [0, 0]
        if (answer.statusCode !== 200 && path !== '/nothing') {
          reject(new Error(`${path} was answered ${answer.statusCode}`))
        }
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.byteLength
          for (const byte of chunk) if (byte === 10) lines += 1
        })
        answer.once('error', reject)
        answer.once('end', () => resolve({ milliseconds: performance.now() - began, bytes, lines }))
      },
    )
      .once('error', reject)
      .end()
  })
}
