/** Whether a full store takes submissions in as fast as an empty one. */

import { join } from 'node:path'
import type { Database } from '../packages/adapter-sdk/src/store/database.ts'
import { openEmbedded } from '../packages/adapter-sdk/src/store/embedded.ts'
import { openStore } from '../packages/adapter-sdk/src/store/pg-boss.ts'
import { openPostgres } from '../packages/adapter-sdk/src/store/postgres.ts'
import { measured } from './accept.ts'
import type { Lab } from './lab.ts'
import type { Measure } from './report.ts'

const ROUNDS = 5
const ROWS = [0, 200_000, 1_000_000]
const SETTINGS = { SERVER_REQUESTS_PER_SECOND_PER_ADDRESS: '1000000', CONCURRENCY: '1' }

export async function acceptRows(lab: Lab): Promise<Measure[]> {
  const measures: Measure[] = []
  for (const kind of ['embedded', 'PostgreSQL'] as const) {
    const subjects = await Promise.all(
      ROWS.map(async (rows) => {
        const folder = join(lab.folder, `rows-${kind}-${rows}`)
        const url = kind === 'embedded' ? undefined : await lab.database(`rows_${rows}`)
        await fill(url === undefined ? await openEmbedded(folder) : await openPostgres(url, () => undefined), rows)
        const where = url === undefined ? { DATA_DIR: folder } : { DATABASE_URL: url }
        return { rows, subject: await lab.start('adapter.ts', { ...SETTINGS, ...where }), rates: [] as number[] }
      }),
    )
    for (let round = 0; round < ROUNDS; round++) {
      const bodies = await lab.requests('bodies', 5_000)
      for (const { rows, subject, rates } of subjects) {
        rates.push((await measured(lab, `${rows} rows`, subject, { bodies, seconds: 1.2 })).perSecond)
      }
    }
    const name = (rows: number) => `${kind}, ${rows.toLocaleString('en-GB')} rows kept`
    for (const { rows, rates } of subjects) {
      measures.push({
        subject: name(rows),
        unit: 'a second',
        rounds: rates,
        ...(rows > 0 && { against: name(0) }),
        ...(rows === 1_000_000 && { mark: { ratio: 0.9 } }),
      })
    }
    for (const { subject } of subjects) await subject.stop()
  }
  return measures
}

/** Rows as they are once delivered and swept: the id and the end are kept, the words are gone. */
async function fill(database: Database, rows: number): Promise<void> {
  const store = await openStore(database, ['complaint'], { supervise: false, emit: () => undefined })
  for (let filled = 0; filled < rows; filled += 100_000) {
    await database.query(
      `INSERT INTO formbuilder.submission (id, form, submission_id, service_slug, state, reference, attempts, received_at, changed_at)
       SELECT gen_random_uuid(), 'complaint', gen_random_uuid()::text, 'hmcts-complaint-form-eng', 'delivered', n::text, 1,
         now() - interval '8 days', now() - interval '8 days' FROM generate_series(1, $1) n`,
      [Math.min(100_000, rows - filled)],
    )
  }
  await database.query('ANALYZE formbuilder.submission')
  await store.close()
}
