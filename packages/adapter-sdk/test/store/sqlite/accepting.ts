/** A process of its own that accepts into a store in SQLite, batch after batch, until it is killed. */
import { randomUUID } from 'node:crypto'
// Built code: it and its thread start sooner.
import { openSqlite } from '../../../dist/store/sqlite/store.js'

const [folder = '', size = '16', batches = 'Infinity'] = process.argv.slice(2)
const store = await openSqlite(folder, { migrate: true, horizonSeconds: 90_000 })
process.stdout.write('open\n')
for (let i = 0; i < Number(batches); i++) {
  const batch = Array.from({ length: Number(size) }, () => ({
    ...{ form: 'complaint', submissionId: randomUUID(), serviceSlug: 'a-service', jwe: 'x'.repeat(2000), files: [] },
  }))
  const outcome = await store.accept(batch).then(
    () => `accepted ${batch.map(({ submissionId }) => submissionId).join(' ')}`,
    ({ message, errcode }) => `refused ${errcode} ${message}`,
  )
  process.stdout.write(`${outcome}\n`)
  if (outcome.startsWith('refused')) await new Promise((resolve) => setTimeout(resolve, 50))
}
await store.close()
process.stdout.write('closed\n')
