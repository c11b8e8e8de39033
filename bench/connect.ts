/** A new TLS connection for each request: what a sender without keep-alive costs. */
import type { Lab } from './lab.ts'
import type { Measure } from './report.ts'

const ROUNDS = 5

export async function connect(lab: Lab): Promise<Measure[]> {
  const floor = await lab.start('floors/https.ts')
  const adapter = await lab.start('adapter.ts', { SERVER_REQUESTS_PER_SECOND_PER_ADDRESS: '1000000', CONCURRENCY: '1' })
  const rounds: Record<string, number[]> = {}
  for (let round = 0; round < ROUNDS; round++) {
    for (const reconnect of ['full', 'resume'] as const) {
      const bodies = await lab.requests(`connect-${reconnect}-${round}`, 3_000)
      for (const [name, subject] of Object.entries({ floor, adapter })) {
        const key = `${name}, ${reconnect === 'full' ? 'full handshake' : 'resumed'}`
        const { perSecond } = await lab.load(subject, { bodies, seconds: 1.5, connections: 8, reconnect })
        rounds[key] = [...(rounds[key] ?? []), perSecond]
      }
    }
  }
  return Object.entries(rounds).map(([subject, each]) => ({
    subject,
    unit: 'a second',
    rounds: each,
    ...(subject.startsWith('adapter') && { against: subject.replace('adapter', 'floor') }),
  }))
}
